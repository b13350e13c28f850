//! `configuration`: what this use is configured with, value by value.

use serde_json::Value;

use crate::plugin::bindings::gatewit::plugin::configuration::Host;
use crate::plugin::guest::Guest;

type Found<T> = wasmtime::Result<Option<T>>;

impl Host for Guest {
    fn text(&mut self, pointer: String) -> Found<String> {
        Ok(self.at(&pointer).and_then(Value::as_str).map(str::to_owned))
    }

    fn integer(&mut self, pointer: String) -> Found<i64> {
        Ok(self.at(&pointer).and_then(Value::as_i64))
    }

    fn number(&mut self, pointer: String) -> Found<f64> {
        Ok(self.at(&pointer).and_then(Value::as_f64))
    }

    fn boolean(&mut self, pointer: String) -> Found<bool> {
        Ok(self.at(&pointer).and_then(Value::as_bool))
    }

    fn length(&mut self, pointer: String) -> Found<u32> {
        Ok(self.at(&pointer).and_then(length))
    }

    fn json(&mut self, pointer: String) -> Found<String> {
        Ok(self.at(&pointer).map(Value::to_string))
    }
}

impl Guest {
    fn at(&self, pointer: &str) -> Option<&Value> {
        self.binding.used.config.value.pointer(pointer)
    }
}

fn length(value: &Value) -> Option<u32> {
    let length = match value {
        Value::Array(elements) => elements.len(),
        Value::Object(members) => members.len(),
        _ => return None,
    };
    u32::try_from(length).ok()
}
