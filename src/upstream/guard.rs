//! Refuses addresses that a Swarm service cannot have.
//!
//! The engine's resolver forwards what it does not know to the resolvers of its host. `tasks.app` of a
//! service without tasks, or `app` itself, may then be answered by a public zone or by a provider's
//! wildcard, and requests with their cookies and tokens would go to a stranger. Services are only ever in
//! a subnet that the container is attached to, so nothing else is believed of them. Loopback and
//! link-local addresses are not attached subnets in this sense; where nothing is guarded they are allowed.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;

use crate::config;

/// Networks may be attached while running, so an unknown address makes the interfaces be read again, but not
/// more often than this.
const REREAD: Duration = Duration::from_secs(1);

/// What is believed of Swarm names.
#[derive(Debug)]
pub(super) struct Guard {
    enabled: bool,
    read: fn() -> Option<Vec<IpNet>>,
    subnets: Mutex<Option<(Instant, Vec<IpNet>)>>,
}

impl Guard {
    pub(super) fn new(mode: config::Guard) -> Self {
        let enabled = match mode {
            config::Guard::Auto => is_container(),
            config::Guard::On => true,
            config::Guard::Off => false,
        };
        Self {
            enabled,
            read: attached,
            subnets: Mutex::new(None),
        }
    }

    pub(super) fn allows(&self, address: IpAddr) -> bool {
        if !self.enabled {
            return true;
        }
        let mut known = self.subnets.lock().unwrap_or_else(PoisonError::into_inner);
        let covers = |subnets: &[IpNet]| subnets.iter().any(|subnet| subnet.contains(&address));
        if let Some((read_at, subnets)) = &*known {
            if covers(subnets) {
                return true;
            }
            if read_at.elapsed() < REREAD {
                return false;
            }
        }
        // Interfaces that cannot be read now (no free file descriptor) leave what was known.
        let Some(subnets) = (self.read)() else {
            return false;
        };
        let allowed = covers(&subnets);
        *known = Some((Instant::now(), subnets));
        allowed
    }
}

/// The subnets of this machine's interfaces, but for loopback and link-local ones.
fn attached() -> Option<Vec<IpNet>> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let subnet = |interface: if_addrs::Interface| {
        if interface.is_loopback() || interface.is_link_local() {
            return None;
        }
        let prefix = match &interface.addr {
            if_addrs::IfAddr::V4(v4) => v4.prefixlen,
            if_addrs::IfAddr::V6(v6) => v6.prefixlen,
        };
        IpNet::new(interface.ip(), prefix).ok()
    };
    Some(interfaces.into_iter().filter_map(subnet).collect())
}

/// Docker and Podman leave a file; containerd and Kubernetes are seen in the name of the first process' cgroup.
fn is_container() -> bool {
    let says_so = |cgroup: String| {
        ["docker", "containerd", "kubepods", "libpod"]
            .iter()
            .any(|word| cgroup.contains(word))
    };
    Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
        || std::fs::read_to_string("/proc/1/cgroup").is_ok_and(says_so)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(enabled: bool, read: fn() -> Option<Vec<IpNet>>) -> Guard {
        Guard {
            enabled,
            read,
            subnets: Mutex::new(None),
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_attached_subnets_are_believed() {
        let guard = guard(true, || {
            Some(vec![
                "10.0.1.0/24".parse().unwrap(),
                "172.18.0.0/16".parse().unwrap(),
            ])
        });
        for (address, expected) in [
            ("10.0.1.7", true),
            ("172.18.255.1", true),
            ("10.0.2.7", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("93.184.215.14", false),
        ] {
            assert_eq!(guard.allows(ip(address)), expected, "{address}");
        }
    }

    #[test]
    fn a_guard_that_is_off_believes_everything() {
        assert!(guard(false, || None).allows(ip("93.184.215.14")));
    }

    #[test]
    fn nothing_is_believed_while_the_interfaces_are_unknown() {
        assert!(!guard(true, || None).allows(ip("10.0.1.7")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_attached_later_is_noticed() {
        let mut guard = guard(true, || Some(vec!["10.0.1.0/24".parse().unwrap()]));
        assert!(!guard.allows(ip("10.0.2.7")));
        guard.read = || Some(vec!["10.0.2.0/24".parse().unwrap()]);
        assert!(!guard.allows(ip("10.0.2.7")), "read a moment ago");
        tokio::time::advance(REREAD).await;
        assert!(guard.allows(ip("10.0.2.7")));
    }

    #[test]
    fn interfaces_can_be_read_here() {
        let subnets = attached().unwrap();
        assert!(
            !subnets.iter().any(|subnet| subnet.contains(&ip("127.0.0.1"))),
            "{subnets:?}"
        );
    }
}
