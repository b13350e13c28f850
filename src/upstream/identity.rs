//! Whose task an address is, as Docker's resolver says when it is asked the other way round (PTR), and what
//! the tasks behind one name say about that name.
//!
//! Pure: asking, and how often, is in `identify`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

/// One task of a Swarm service, at one of its addresses.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Task {
    /// The service's full name: `STACK_SERVICE` for one of a stack.
    pub service: String,
    /// The number among its replicas; the id of the node where the service is global.
    pub slot: String,
    /// Of this one task: another one in the same slot has another id.
    pub id: String,
    /// The network that the address is in.
    pub network: String,
}

/// A name that does not stand for one service on one network.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Mixture {
    /// Full names of the services, sorted.
    pub services: Vec<String>,
    /// Networks of the addresses, sorted.
    pub networks: Vec<String>,
    /// Names to write in its place: each stands for one of the services, on one of the networks.
    pub instead: Vec<String>,
}

/// The tasks behind the addresses of one name, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners(BTreeMap<IpAddr, Arc<Task>>);

impl Task {
    /// Reads `SERVICE.SLOT.TASK.NETWORK`. Swarm has no dots in names of services and networks, and ids of 25 digits to
    /// the base 36 (swarmkit's `validateAnnotations` and `identity.NewID`), so nothing else is taken for a task.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut labels = name.strip_suffix('.').unwrap_or(name).split('.');
        let (service, slot) = (labels.next()?, labels.next()?);
        let (id, network) = (labels.next()?, labels.next()?);
        let valid = labels.next().is_none()
            && [service, network].into_iter().all(is_name)
            && (is_number(slot) || is_id(slot))
            && is_id(id);
        valid.then(|| Self {
            service: service.to_owned(),
            slot: slot.to_owned(),
            id: id.to_owned(),
            network: network.to_owned(),
        })
    }
}

fn is_name(label: &str) -> bool {
    let ends = [label.bytes().next(), label.bytes().next_back()];
    label.len() <= 63
        && ends
            .into_iter()
            .all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_id(label: &str) -> bool {
    label.len() == 25
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_number(label: &str) -> bool {
    (1..=20).contains(&label.len())
        && !label.starts_with('0')
        && label.bytes().all(|byte| byte.is_ascii_digit())
}

impl Owners {
    pub(super) fn task(&self, address: IpAddr) -> Option<&Arc<Task>> {
        self.0.get(&address)
    }

    /// Forgets all others; `addresses` are sorted.
    pub(super) fn keep_only(&mut self, addresses: &[IpAddr]) {
        self.0
            .retain(|address, _| addresses.binary_search(address).is_ok());
    }

    /// `confirmed` says that DNS gives the name this address now. Otherwise an answer shows what became of a task that
    /// was known, and nothing of one that was not: returns that task when the address is another service's now.
    pub(super) fn learn(&mut self, address: IpAddr, task: Task, confirmed: bool) -> Option<Arc<Task>> {
        if !confirmed {
            let known = self.0.get(&address)?;
            if known.service != task.service {
                return Some(Arc::clone(known));
            }
        }
        self.0.insert(address, Arc::new(task));
        None
    }

    /// `None` while all that are known belong together.
    pub(super) fn mixture(&self) -> Option<Mixture> {
        let of = |field: fn(&Task) -> &str| self.0.values().map(|task| field(task)).collect::<BTreeSet<_>>();
        let (services, networks) = (of(|task| &task.service), of(|task| &task.network));
        if services.len() <= 1 && networks.len() <= 1 {
            return None;
        }
        let name = |task: &Arc<Task>| match networks.len() {
            1 => task.service.clone(),
            _ => format!("tasks.{}.{}", task.service, task.network),
        };
        let instead: BTreeSet<_> = self.0.values().map(name).collect();
        let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
        Some(Mixture {
            instead: instead.into_iter().collect(),
            services: owned(services),
            networks: owned(networks),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdefghijklmno";

    fn task(service: &str, slot: u8, network: &str) -> Task {
        Task::parse(&format!("{service}.{slot}.{ID}.{network}.")).unwrap()
    }

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn owners(tasks: &[(u8, &str, &str)]) -> Owners {
        let mut owners = Owners::default();
        for (last, service, network) in tasks {
            owners.learn(ip(*last), task(service, *last, network), true);
        }
        owners
    }

    #[test]
    fn a_task_has_service_slot_id_and_network() {
        let node = "zyxwvutsrqponmlkjihgfedcb";
        for (service, slot, network) in [
            ("app", "37", "net"),
            ("shop_check-out", "1", "shop_default"),
            ("App2", node, "a"),
            ("a--_b", "18446744073709551615", "n"),
        ] {
            let expected = Task {
                service: service.to_owned(),
                slot: slot.to_owned(),
                id: ID.to_owned(),
                network: network.to_owned(),
            };
            let name = format!("{service}.{slot}.{ID}.{network}");
            assert_eq!(Task::parse(&name), Some(expected.clone()));
            assert_eq!(Task::parse(&format!("{name}.")), Some(expected), "absolute");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_a_task() {
        let (long, short) = (format!("{ID}p"), &ID[1..]);
        let name = "n".repeat(64);
        for other in [
            String::new(),
            ".".to_owned(),
            "localhost.".to_owned(),
            "shop-app-1.shop_default.".to_owned(),
            "host.example.com.".to_owned(),
            format!("app.1.{ID}"),
            format!("app.1.{ID}.net.example"),
            format!("my.app.1.{ID}.net"),
            format!("app.1.{ID}.net.."),
            format!(".1.{ID}.net"),
            format!("app..{ID}.net"),
            format!("app.1.{ID}.."),
            format!("app.0.{ID}.net"),
            format!("app.01.{ID}.net"),
            format!("app.+1.{ID}.net"),
            format!("app.one.{ID}.net"),
            format!("app.123456789012345678901.{ID}.net"),
            format!("app.1.{long}.net"),
            format!("app.1.{short}.net"),
            format!("app.1.{}.net", ID.to_uppercase()),
            format!("_app.1.{ID}.net"),
            format!("app-.1.{ID}.net"),
            format!("a\\.pp.1.{ID}.net"),
            format!("äpp.1.{ID}.net"),
            format!("{name}.1.{ID}.net"),
            format!("app.1.{ID}.{name}"),
        ] {
            assert_eq!(Task::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn an_address_that_dns_confirms_has_whatever_owner_is_found() {
        let mut owners = owners(&[(1, "app", "net")]);
        for new in [task("app", 2, "net"), task("other", 2, "net")] {
            assert_eq!(owners.learn(ip(1), new.clone(), true), None);
            assert_eq!(**owners.task(ip(1)).unwrap(), new);
        }
        owners.keep_only(&[ip(2)]);
        assert_eq!(owners.task(ip(1)), None);
    }

    #[test]
    fn an_address_that_dns_does_not_confirm_can_only_lose_its_service() {
        let mut owners = owners(&[(1, "app", "net")]);
        let old = owners.task(ip(1)).cloned();
        assert_eq!(owners.learn(ip(1), task("other", 1, "net"), false), old);
        let next = task("app", 2, "net");
        assert_eq!(owners.learn(ip(1), next.clone(), false), None);
        assert_eq!(
            **owners.task(ip(1)).unwrap(),
            next,
            "another task of the same service"
        );
        assert_eq!(owners.learn(ip(2), task("app", 1, "net"), false), None);
        assert_eq!(
            owners.task(ip(2)),
            None,
            "it says nothing of what was there before"
        );
    }

    #[test]
    fn a_name_is_mixed_when_its_tasks_are_of_several_services_or_networks() {
        for (tasks, expected) in [
            (vec![], None),
            (vec![(1, "shop_app", "net"), (2, "shop_app", "net")], None),
            (
                vec![
                    (1, "shop_app", "net"),
                    (2, "blog_app", "net"),
                    (3, "blog_app", "net"),
                ],
                Some((
                    vec!["blog_app", "shop_app"],
                    vec!["net"],
                    vec!["blog_app", "shop_app"],
                )),
            ),
            (
                vec![(1, "app", "one"), (2, "app", "two")],
                Some((
                    vec!["app"],
                    vec!["one", "two"],
                    vec!["tasks.app.one", "tasks.app.two"],
                )),
            ),
            (
                vec![(1, "a", "one"), (2, "b", "two")],
                Some((
                    vec!["a", "b"],
                    vec!["one", "two"],
                    vec!["tasks.a.one", "tasks.b.two"],
                )),
            ),
        ] {
            let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
            let expected = expected.map(|(services, networks, instead)| Mixture {
                services: owned(services),
                networks: owned(networks),
                instead: owned(instead),
            });
            assert_eq!(owners(&tasks).mixture(), expected, "{tasks:?}");
        }
    }
}
