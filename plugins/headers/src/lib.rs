//! Sets, adds and removes headers of requests and responses. Values may hold what is known of the exchange.

mod template;

use std::collections::BTreeMap;

use gatewit_plugin::config::header_problem;
use gatewit_plugin::prelude::*;
use template::Template;

/// Sets, adds and removes headers.
#[config]
#[serde(default)]
#[derive(Default)]
struct Headers {
    /// Of the request, before the service behind gets it.
    request: Edits,
    /// Of the response, before the client gets it.
    response: Edits,
}

/// What is done to the headers of one message: first `remove`, then `set`, then `add`.
#[config]
#[serde(default)]
#[derive(Default)]
struct Edits {
    /// Names of headers that are removed.
    remove: Vec<String>,
    /// Headers, and the one value that they have from now on. One whose value holds something that is missing is
    /// removed.
    set: BTreeMap<String, Template>,
    /// Headers, and the values that they get besides those that they have: one, or a list. One that holds something that
    /// is missing is left out.
    add: BTreeMap<String, Added>,
}

/// One value, or several.
#[config]
#[serde(
    untagged,
    expecting = "expected a string, or a list of them, with `{{` for `{`; see README for what can stand in `{}`"
)]
enum Added {
    /// One.
    One(Template),
    /// Several.
    Several(Vec<Template>),
}

impl Plugin for Headers {
    fn check(&self) -> Vec<Problem> {
        let mut problems = self.request.problems("/request");
        problems.extend(self.response.problems("/response"));
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        for edit in self.request.made(request) {
            match edit {
                Edit::Remove(name) => request.remove_header(name)?,
                Edit::Set(name, value) => request.set_header(name, value)?,
                Edit::Add(name, value) => request.append_header(name, value)?,
            }
        }
        Ok(Outcome::Next)
    }

    fn response(&self, request: &Request, response: &mut ResponseHead) -> Result<ResponseOutcome> {
        for edit in self.response.made(request) {
            match edit {
                Edit::Remove(name) => response.remove_header(name)?,
                Edit::Set(name, value) => response.set_header(name, value)?,
                Edit::Add(name, value) => response.append_header(name, value)?,
            }
        }
        Ok(ResponseOutcome::Next)
    }
}

/// One edit, with its value.
enum Edit<'a> {
    Remove(&'a str),
    Set(&'a str, Vec<u8>),
    Add(&'a str, Vec<u8>),
}

impl Edits {
    /// All edits. Every value is made before the first edit, so that a header can be moved.
    fn made(&self, request: &Request) -> Vec<Edit<'_>> {
        let mut edits: Vec<Edit<'_>> = self.remove.iter().map(|name| Edit::Remove(name)).collect();
        for (name, template) in &self.set {
            edits.push(match template.value(request) {
                Some(value) => Edit::Set(name, value),
                // What is set here is believed: what the client says instead is not.
                None => Edit::Remove(name),
            });
        }
        for (name, added) in &self.add {
            let values = added.all().iter().filter_map(|template| template.value(request));
            edits.extend(values.map(|value| Edit::Add(name, value)));
        }
        edits
    }

    fn problems(&self, at: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let removed = self
            .remove
            .iter()
            .enumerate()
            .map(|(index, name)| (format!("remove/{index}"), name));
        let set = self
            .set
            .keys()
            .map(|name| (format!("set/{}", escaped(name)), name));
        let added = self
            .add
            .keys()
            .map(|name| (format!("add/{}", escaped(name)), name));
        for (place, name) in removed.chain(set).chain(added) {
            if let Some(why) = header_problem(name) {
                problems.push(Problem::at(format!("{at}/{place}"), why));
            }
        }
        problems
    }
}

impl Added {
    fn all(&self) -> &[Template] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

gatewit_plugin::export!(Headers: request, response);

#[cfg(test)]
mod tests;
