//! Masks become variables whose names say where their secrets belong.

use std::collections::BTreeSet;

use serde_json::Value;

use super::MASK;

/// Puts a variable in the place of every mask; all other texts are spelled so that none is taken for one. What comes
/// back are the names of the variables, in the order of their places.
pub(super) fn into_variables(shown: &mut Value) -> Vec<String> {
    let mut names = Names::default();
    names.put_into(shown, "");
    names.list
}

/// The variables so far.
#[derive(Default)]
struct Names {
    list: Vec<String>,
    taken: BTreeSet<String>,
}

impl Names {
    /// Does so with all that is below.
    fn put_into(&mut self, value: &mut Value, path: &str) {
        match value {
            Value::String(text) if text == MASK => *text = format!("${{{}}}", self.new_name(path)),
            Value::String(text) if text.contains("$$") || text.contains("${") => {
                *text = text.replace('$', "$$");
            }
            Value::Array(items) => {
                let several = items.len() > 1;
                for (index, item) in items.iter_mut().enumerate() {
                    let path = match named(item) {
                        Some(name) => format!("{path}_{name}"),
                        None if several => format!("{path}_{}", index + 1),
                        None => path.to_owned(),
                    };
                    self.put_into(item, &path);
                }
            }
            Value::Object(table) => {
                for (key, value) in table {
                    self.put_into(value, &format!("{path}_{key}"));
                }
            }
            _ => {}
        }
    }

    /// `_route_orders_timeout` as `ROUTE_ORDERS_TIMEOUT`, with a number behind it when that is taken.
    fn new_name(&mut self, path: &str) -> String {
        let words = path.split(|char: char| !char.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let first = words.join("_").to_ascii_uppercase();
        let mut name = first.clone();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{first}_{number}");
            number += 1;
        }
        self.list.push(name.clone());
        name
    }
}

/// What a table in a list calls itself.
fn named(item: &Value) -> Option<String> {
    let name = item.get("name").or_else(|| item.get("use"))?;
    Some(name.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variable_is_called_after_its_place() {
        let mut shown = json!({
            "admin": { "token": MASK, "address": "${HOME}" },
            "route": [{ "name": "it's", "set": { "x-a": MASK } }, { "name": "it-s", "set": { "X_A": MASK } }, MASK],
            "list": [MASK],
            "key": { "a/b": { "c": [{ "use": "é", "d": MASK }, 1, true, "5$", "$$"] } },
        });
        let names = into_variables(&mut shown);
        assert_eq!(
            shown,
            json!({
                "admin": { "token": "${ADMIN_TOKEN}", "address": "$${HOME}" },
                "route": [
                    { "name": "it's", "set": { "x-a": "${ROUTE_IT_S_SET_X_A}" } },
                    { "name": "it-s", "set": { "X_A": "${ROUTE_IT_S_SET_X_A_2}" } },
                    "${ROUTE_3}",
                ],
                "list": ["${LIST}"],
                "key": { "a/b": { "c": [{ "use": "é", "d": "${KEY_A_B_C_D}" }, 1, true, "5$", "$$$$"] } },
            })
        );
        let expected = [
            "ADMIN_TOKEN",
            "ROUTE_IT_S_SET_X_A",
            "ROUTE_IT_S_SET_X_A_2",
            "ROUTE_3",
            "LIST",
            "KEY_A_B_C_D",
        ];
        assert_eq!(names, expected);
    }
}
