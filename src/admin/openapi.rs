//! The API as OpenAPI 3.1 describes it, made of the paths that requests are told apart by.

use serde_json::{Map, Value, json};

use super::paths::{Body, Operation, PATHS, Path};
use crate::config;
use crate::telemetry::metrics;

/// The document.
pub(super) fn document() -> Value {
    let paths = PATHS.iter().map(|path| (path.pattern.to_owned(), item(path)));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gatewit",
            "version": metrics::VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}, {}],
        "paths": paths.collect::<Map<_, _>>(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
        },
    })
}

fn item(path: &Path) -> Value {
    let operations = path.operations.iter().map(|operation| {
        let method = operation.method.as_str().to_ascii_lowercase();
        (method, self::operation(path, operation))
    });
    let mut item: Map<_, _> = operations.collect();
    if path.pattern.contains("{name}") {
        let name = json!({"name": "name", "in": "path", "required": true, "schema": {"type": "string"}});
        item.insert("parameters".to_owned(), json!([name]));
    }
    Value::Object(item)
}

fn operation(path: &Path, operation: &Operation) -> Value {
    let responses = operation.statuses.iter().chain(&[401, 403]).map(|status| {
        let kind = content_type(path, *status);
        let about = http::StatusCode::from_u16(*status).ok();
        let about = about
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        (
            status.to_string(),
            json!({"description": about, "content": {kind: {}}}),
        )
    });
    let mut described = json!({
        "summary": operation.about,
        "responses": responses.collect::<Map<_, _>>(),
    });
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = operation.body {
        described["requestBody"] = json!({"required": true, "content": content(body)});
    }
    described
}

fn content_type(path: &Path, status: u16) -> &'static str {
    match (path.pattern, status) {
        ("/metrics", 200) => metrics::CONTENT_TYPE,
        (_, 200 | 201 | 503) => "application/json",
        // With every problem of what was tried.
        (_, 422) => "application/json",
        _ => "application/problem+json",
    }
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let query = operation.query.iter().map(|name| {
        let kind = match *name {
            "dry_run" => "boolean",
            "format" => "string",
            _ => "integer",
        };
        let required = *name == "version";
        json!({"name": name, "in": "query", "required": required, "schema": {"type": kind}})
    });
    let conditional = operation.query.contains(&"dry_run");
    let conditions = ["If-Match", "If-None-Match"].into_iter().filter(|_| conditional);
    let conditions =
        conditions.map(|name| json!({"name": name, "in": "header", "schema": {"type": "string"}}));
    query.chain(conditions).collect()
}

fn content(body: Body) -> Value {
    let schema = |name: &str| json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
    match body {
        Body::Wasm => json!({"application/wasm": {}}),
        Body::Table(key) => json!({"application/json": schema(key)}),
        // Null has a meaning there that the table's schema does not know.
        Body::Patch(_) => json!({"application/merge-patch+json": {"schema": {"type": "object"}}}),
        Body::Chain => json!({"application/json": schema("plugins")}),
        Body::Added => json!({"application/json": schema("added")}),
    }
}

/// Those of the configuration.
fn schemas() -> Value {
    let config = config::schema();
    let mut route = config["properties"]["route"]["items"].clone();
    if let Some(properties) = route["properties"].as_object_mut() {
        properties.shift_remove("name");
    }
    let of = |key: &str| config["properties"][key]["additionalProperties"].clone();
    let plugins = route["properties"]["plugins"].clone();
    let all = |name: &str| json!({"type": "object", "additionalProperties": {"$ref": format!("#/components/schemas/{name}")}});
    json!({
        "route": route,
        "upstream": of("upstream"),
        "budget": of("budget"),
        "plugins": plugins,
        "added": {
            "type": "object",
            "properties": {
                "route": all("route"),
                "upstream": all("upstream"),
                "budget": all("budget"),
                "flow": {"type": "object"},
            },
            "additionalProperties": false,
        },
    })
}
