//! Redirect answers of routes.

use bytes::Bytes;
use http::Response;
use http::header::{self, HeaderValue};

use super::{Error, Exchange, Reply};
use crate::config::{Redirect, Rewrite};
use crate::router::{Captures, canonical, rewrite};
use crate::telemetry::Flag;

/// The redirect for this request.
///
/// # Errors
///
/// When the captures do not make a path that stays where the template says.
pub(super) fn answer(
    redirect: &Redirect,
    exchange: &mut Exchange,
    captures: &Captures,
) -> Result<Reply, Error> {
    let location = match &redirect.to {
        Some(to) => to.to_string(),
        None => location(redirect, exchange, captures)?,
    };
    let location = HeaderValue::try_from(location).map_err(|_| Error::Malformed("The path is not valid."))?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = redirect.status;
    response.headers_mut().insert(header::LOCATION, location);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    exchange.flag = Some(Flag::Redirect);
    Ok(Reply::Own(response))
}

fn location(redirect: &Redirect, exchange: &Exchange, captures: &Captures) -> Result<String, Error> {
    let said = exchange.host.to_str().unwrap_or_default();
    let (host, port) = canonical::host(said).map_err(|_| Error::Malformed("The host is not valid."))?;
    let host = redirect.host.as_deref().unwrap_or(&host);
    if host.is_empty() {
        return Err(Error::Malformed("The host is missing."));
    }
    // A changed scheme has another default port; the one that the client used belongs to the old scheme.
    let port = redirect
        .port
        .or(if redirect.scheme.is_some() { None } else { port });
    let scheme = redirect.scheme.as_deref().unwrap_or("http");
    let path = match &redirect.path {
        Some(template) => rewrite::fill(template, captures)?,
        None => {
            // In its canonical form where that matters, so that the next server reads what was matched here.
            let raw = exchange.uri.path();
            let canonical = canonical::path(raw).map_err(|_| Error::Malformed("The path is ambiguous."))?;
            rewrite::rewrite(&Rewrite::Keep, raw, &canonical, captures)?.into_owned()
        }
    };
    let query = exchange
        .uri
        .query()
        .filter(|_| redirect.keep_query)
        .map(|query| format!("?{query}"));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!(
        "{scheme}://{host}{port}{path}{}",
        query.unwrap_or_default()
    ))
}
