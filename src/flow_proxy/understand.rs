//! From the parameters of a call to a service, or to what is wrong with them and the status that says so.

use std::io::Read as _;
use std::path::Path;

use super::parameters::{Problem, Said};
use super::reader::Reader;
use super::service::Service;
use crate::config::FlowProxy;

/// Bytes of a secret.
const SECRET: u64 = 64 << 10;

/// What a call says.
#[derive(Clone, Debug)]
pub(super) struct Understood {
    pub(super) service: Service,
    /// What has no effect, and why.
    pub(super) warnings: Vec<Problem>,
    /// Whether a swarm listener made the call, or named the service.
    pub(super) listened: bool,
}

/// Why a call says nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Wrong {
    /// 400.
    #[error("{}", joined(.0))]
    Parameters(Vec<Problem>),
    /// 409, which swarm listeners take for final: the service is not meant for a proxy.
    #[error("When using reqMode http, servicePath or serviceDomain are mandatory{}", also(.0))]
    Nowhere(Vec<Problem>),
}

fn joined(problems: &[Problem]) -> String {
    let problems: Vec<_> = problems.iter().map(Problem::to_string).collect();
    problems.join("; ")
}

fn also(problems: &[Problem]) -> String {
    match problems {
        [] => String::new(),
        problems => format!("; {}", joined(problems)),
    }
}

impl Wrong {
    pub(super) fn problems(&self) -> &[Problem] {
        match self {
            Self::Parameters(problems) | Self::Nowhere(problems) => problems,
        }
    }
}

/// The service that parameters describe.
pub(super) fn understand<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
    flow: &FlowProxy,
) -> Result<Understood, Wrong> {
    let (said, mut problems, mut warnings) = Said::read(pairs);
    let secrets = |name: &str| secret(&flow.secrets, name);
    let mut reader = Reader {
        said: &said,
        separator: &flow.separator,
        secrets: &secrets,
        problems: Vec::new(),
    };
    let other_mode = problems
        .iter()
        .any(|problem| problem.parameter.starts_with("reqMode"));
    if said.of("serviceName").is_some() && !other_mode && reader.leads_nowhere() {
        return Err(Wrong::Nowhere(problems));
    }
    let service = reader.service();
    problems.extend(reader.problems);
    match service {
        Some(service) if problems.is_empty() => {
            if service.distribute {
                let message =
                    "only this gateway changes: others learn of it by their own swarm listener or call";
                warnings.push(Problem::new("distribute", message));
            }
            Ok(Understood {
                // Listeners say both, but for `replicas` of a global service.
                listened: service.distribute || service.replicas.is_some(),
                service,
                warnings,
            })
        }
        _ => Err(Wrong::Parameters(problems)),
    }
}

/// The name of the service that is to go. Listeners send all that they know of it; nothing else counts.
pub(super) fn removed<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Result<String, Wrong> {
    let mut name = None;
    let mut problems = Vec::new();
    let known = ["serviceName", "aclName", "distribute"];
    for (key, value) in pairs {
        let (key, value) = (key.as_ref(), value.as_ref().trim());
        if key == "serviceName" && !value.is_empty() {
            name = Some(value.to_owned());
        } else if let (_, wrong, _) = Said::read([(key, value)])
            && !known.contains(&key)
            && wrong.iter().any(|problem| problem.message.starts_with("unknown"))
        {
            problems.extend(wrong);
        }
    }
    match name {
        Some(name) if problems.is_empty() => Ok(name),
        Some(_) => Err(Wrong::Parameters(problems)),
        None => {
            problems.insert(
                0,
                Problem::new("serviceName", "The serviceName query is mandatory"),
            );
            Err(Wrong::Parameters(problems))
        }
    }
}

fn secret(folder: &Path, name: &str) -> Result<String, String> {
    let mut text = String::new();
    let read =
        std::fs::File::open(folder.join(name)).and_then(|file| file.take(SECRET).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("the secret `{name}` cannot be read: {}", error.kind())),
    }
}
