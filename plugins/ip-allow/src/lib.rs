//! Lets clients in, or keeps them out, by their addresses.

mod network;

use std::net::IpAddr;

use gatewit_plugin::prelude::*;
use network::Network;

/// Lets clients in, or keeps them out, by their addresses.
#[config]
#[serde(default)]
#[derive(Default)]
struct IpAllow {
    /// Networks, or single addresses, whose clients may pass. When there are none, all pass that are not denied.
    allow: Vec<Network>,
    /// Networks, or single addresses, whose clients may not pass, also when they are allowed.
    deny: Vec<Network>,
}

impl Plugin for IpAllow {
    fn check(&self) -> Vec<Problem> {
        if self.allow.is_empty() && self.deny.is_empty() {
            return vec![Problem::at(
                "",
                "lets everybody pass: say whom to `allow` or to `deny`",
            )];
        }
        Vec::new()
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        let ip = request.client().ip;
        // Who has no address that can be read is nobody who was allowed.
        if ip.parse().is_ok_and(|address| self.admits(address)) {
            return Ok(Outcome::Next);
        }
        debug!("address refused"; "client" => ip);
        Ok(Response::refusal(403, "This address may not pass.").into())
    }
}

impl IpAllow {
    fn admits(&self, address: IpAddr) -> bool {
        let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        !is_in(&self.deny) && (self.allow.is_empty() || is_in(&self.allow))
    }
}

gatewit_plugin::export!(IpAllow: request);

#[cfg(test)]
mod tests {
    use gatewit_plugin::serde_json::{Value, json};
    use gatewit_plugin::testing::{Host, configured};

    use super::*;

    fn passes(configuration: &Value, client: &str) -> bool {
        let plugin: IpAllow = configured(configuration.clone()).unwrap();
        match Host::get("/").client(client).request(&plugin).unwrap() {
            Outcome::Next => true,
            Outcome::Respond(response) => {
                assert_eq!(response.status, 403);
                false
            }
            Outcome::Route(route) => panic!("{route:?}"),
        }
    }

    #[test]
    fn only_those_allowed_and_not_denied_pass() {
        let both = json!({ "allow": ["10.0.0.0/8", "2001:db8::/32"], "deny": ["10.6.6.0/24"] });
        for (client, may) in [
            ("10.0.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("10.6.6.6", false),
            ("::ffff:10.6.6.6", false),
            ("11.0.0.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("::10.0.0.1", false),
        ] {
            assert_eq!(passes(&both, client), may, "{client}");
        }
        let denied = json!({ "deny": ["10.6.6.6"] });
        assert!(passes(&denied, "10.6.6.7") && passes(&denied, "::1") && !passes(&denied, "10.6.6.6"));
    }

    #[test]
    fn who_has_no_address_is_refused() {
        for configuration in [
            json!({ "allow": ["0.0.0.0/0", "::/0"] }),
            json!({ "deny": ["10.6.6.6"] }),
        ] {
            for client in ["", "unix:", "10.0.0.1:80", "fe80::1%eth0", "010.0.0.1"] {
                assert!(!passes(&configuration, client), "{client}");
            }
        }
    }

    #[test]
    fn problems_point_to_their_network() {
        for (configuration, pointer) in [
            (json!({}), ""),
            (json!({ "allow": ["10.0.0.0/8", "10.0.0.1/8"] }), "/allow/1"),
            (json!({ "deny": ["localhost"] }), "/deny/0"),
            (json!({ "denny": [] }), "/denny"),
        ] {
            let problems = configured::<IpAllow>(configuration.clone()).unwrap_err();
            assert_eq!(problems[0].pointer, pointer, "{configuration} {problems:?}");
        }
    }
}
