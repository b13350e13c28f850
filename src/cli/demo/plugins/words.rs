//! What is said about plugins.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use super::Step;
use super::flow::{CLIENTS, COMPONENTS, Flow};

/// What came of every step, and what should have.
pub(super) fn told(steps: &[Step], flow: &Flow) -> String {
    let mut text = String::from("\nPlugins, on the same gateway:\n\n");
    for step in steps {
        // Writing to a string cannot fail, here and below.
        let _ = write!(
            text,
            "    {}  {:<24}  {}",
            step.got.as_u16(),
            step.request,
            step.remark
        );
        if !step.is_well() {
            let _ = write!(text, "  <- NOT AS IT SHOULD BE: {} is", step.wanted.as_u16());
        }
        text.push('\n');
    }
    let [first, second] = COMPONENTS;
    let all = flow.by[0] + flow.by[1] + flow.lost;
    let _ = writeln!(
        text,
        "\nThe plugin `mark` was replaced {} times while {CLIENTS} connections asked for /marked: {all} requests,\n\n    \
         {:>5}  answered by {first}\n    {:>5}  answered by {second}\n    {:>5}  lost",
        flow.replaced, flow.by[0], flow.by[1], flow.lost
    );
    if flow.late > 0 {
        let _ = writeln!(text, "    {:>5}  answered by the old one, too late", flow.late);
    }
    if !flow.is_well() {
        text.push_str("           <- NOT AS IT SHOULD BE\n");
    }
    text
}

/// What to try, while the demo runs.
pub(in crate::cli::demo) fn next_steps(
    target: SocketAddr,
    admin: SocketAddr,
    token: &str,
    configuration: &Path,
    component: &Path,
) -> String {
    let (configuration, component) = (configuration.display(), component.display());
    format!(
        "\nTry the plugins:\n\n    TOKEN={token}\n    \
         curl -i http://{target}/orders\n    \
         curl -i http://{target}/orders -H \"Authorization: Bearer $TOKEN\"    # again and again: 429\n    \
         curl http://{target}/shop -H 'x-version: 2'\n    \
         curl -i http://{target}/marked\n    \
         curl -T {component} http://{admin}/api/v1/plugins/mark    # now /marked has x-correlation-id\n    \
         curl -X POST http://{admin}/api/v1/plugins/mark/rollback    # now it has not\n    \
         curl http://{admin}/api/v1/plugins\n\n\
         The configuration is {configuration}: what you change there is taken over within 2 s.\n"
    )
}
