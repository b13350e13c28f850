//! What the demo says.

use std::fmt::Write;
use std::net::SocketAddr;

use super::swarm::Swarm;

/// What there is, and the configuration that differs from the built-in one in so far as it says so.
pub(super) fn introduction(swarm: &Swarm, configuration: &str) -> String {
    let (count, next) = match swarm.next.len() {
        0 => ("Three", ""),
        _ => ("Four", ", and \"app-next\" the last one"),
    };
    let mut text = format!("{count} services:\n\n");
    for (name, address) in swarm.app.iter().chain(&swarm.next) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "    {name}  {address}");
    }
    let all = if next.is_empty() {
        "all of them"
    } else {
        "the first three"
    };
    let _ = writeln!(
        text,
        "\nA DNS server that says \"app\" is {all}{next}, as Swarm's would: {}",
        swarm.dns
    );
    text.push_str("\nThe gateway in front of them, with this configuration:\n\n");
    for line in configuration.lines() {
        let _ = writeln!(text, "{}", format!("    {line}").trim_end());
    }
    text.push('\n');
    text
}

/// Who answered how often.
pub(super) fn table(swarm: &Swarm, counts: &[usize], failures: usize) -> String {
    let sent = counts.iter().sum::<usize>() + failures;
    let mut text = format!("{sent} requests over one connection were answered by\n\n");
    for ((name, _), count) in swarm.app.iter().zip(counts) {
        let _ = writeln!(text, "    {name:<6}  {count:>3}  {}", "█".repeat(*count));
    }
    if failures > 0 {
        let _ = writeln!(text, "    nobody  {failures:>3}");
    }
    text
}

/// What to try, with `more` of it.
pub(super) fn next_steps(
    target: SocketAddr,
    admin: Option<SocketAddr>,
    more: &str,
    seconds: Option<u64>,
) -> String {
    let mut text =
        format!("\nTry it:\n\n    curl http://{target}/\n    curl -i http://{target}/some/path?q=1\n");
    if let Some(admin) = admin {
        let _ = writeln!(
            text,
            "    curl http://{admin}/api/v1/upstreams    # endpoints, as DNS says now"
        );
        let _ = writeln!(text, "    curl http://{admin}/api/v1/routes");
        let _ = writeln!(
            text,
            "    curl http://{admin}/metrics\n\nThe admin API is at http://{admin}/."
        );
    }
    text.push_str(more);
    match seconds {
        Some(seconds) => drop(writeln!(text, "Ends by itself after {seconds} s.")),
        None => text.push_str("Ctrl-C ends it.\n"),
    }
    text
}
