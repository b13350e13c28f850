//! Services in the environment: `DFP_SERVICE_SERVICE_NAME`, `DFP_SERVICE_1_SERVICE_PATH_2`. Pure: the variables come
//! from above.

use std::collections::BTreeMap;

use super::known::KNOWN;
use super::parameters::{Problem, spelled};

/// Parameters of one service with their values.
type Pairs = Vec<(String, String)>;

/// In front of every variable.
const PREFIX: &str = "DFP_SERVICE_";

/// Parameters of services by their numbers, 0 for the one without; and variables that mean nothing.
pub(super) fn services(variables: &[(String, String)]) -> (BTreeMap<u32, Pairs>, Vec<Problem>) {
    let mut services: BTreeMap<u32, Pairs> = BTreeMap::new();
    let mut problems = Vec::new();
    for (variable, value) in variables {
        let Some(rest) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let (number, rest) = numbered(rest);
        match parameter(rest) {
            Some(name) => services.entry(number).or_default().push((name, value.clone())),
            None => problems.push(Problem::new(variable, "no parameter is called so")),
        }
    }
    (services, problems)
}

/// `1_PORT` is that of the first service.
fn numbered(rest: &str) -> (u32, &str) {
    let split = rest
        .split_once('_')
        .and_then(|(number, rest)| Some((number.parse().ok()?, rest)));
    split.unwrap_or((0, rest))
}

/// `SERVICE_PATH_2` is `servicePath.2`.
fn parameter(rest: &str) -> Option<String> {
    KNOWN.iter().find_map(|known| {
        let index = rest.strip_prefix(shouted(known.name).as_str())?;
        match index.strip_prefix('_') {
            None => index.is_empty().then(|| known.name.to_owned()),
            Some(index) => Some(spelled(known.name, index.parse().ok()?)),
        }
    })
}

/// `servicePath` is `SERVICE_PATH`.
fn shouted(name: &str) -> String {
    let mut out = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(char.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_parameters_of_numbered_services() {
        let variables = [
            ("DFP_SERVICE_SERVICE_NAME", "a"),
            ("DFP_SERVICE_SERVICE_PATH", "/a"),
            ("DFP_SERVICE_1_SERVICE_NAME", "b"),
            ("DFP_SERVICE_1_SERVICE_PATH_2", "/b"),
            ("DFP_SERVICE_1_HTTPS_REDIRECT_CODE", "301"),
            ("DFP_SERVICE_12_PORT", "80"),
            ("DFP_SERVICE_COLOUR", "red"),
            ("PATH", "/bin"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (services, problems) = services(&variables);
        let names = |number| -> Vec<&str> {
            let service: &Pairs = &services[&number];
            service.iter().map(|(name, _)| name.as_str()).collect()
        };
        assert_eq!(names(0), ["serviceName", "servicePath"]);
        assert_eq!(names(1), ["serviceName", "servicePath.2", "httpsRedirectCode"]);
        assert_eq!(names(12), ["port"]);
        assert_eq!(problems.len(), 1);
    }
}
