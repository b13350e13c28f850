//! Parts of the traffic, drawn by lot: the same client, the same lot, on every gateway and after every restart.

use std::collections::BTreeMap;

use gatewit_plugin::jwt;
use gatewit_plugin::prelude::*;

/// Lots there are: a share of 0.01 percent is one of them.
const LOTS: u64 = 10_000;

/// What of a request is looked at.
#[config]
#[serde(rename_all = "kebab-case")]
#[derive(Default)]
pub(crate) enum Subject {
    /// The client's address.
    #[default]
    Client,
    /// The canonical path.
    Path,
    /// The value of a header.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
    /// The value of a query parameter.
    Query(String),
    /// A claim of the token that a plugin in front has verified. `/` in front makes it a JSON Pointer.
    Claim(String),
}

/// Upstreams, and how many parts of the traffic each gets.
#[config]
#[serde(transparent)]
pub(crate) struct Split {
    /// `{ stable = 90, canary = 10 }`
    pub(crate) shares: BTreeMap<String, u32>,
}

impl Subject {
    pub(crate) fn value(&self, request: &Request) -> Option<Vec<u8>> {
        match self {
            Self::Client => Some(request.client().ip.into_bytes()),
            Self::Path => Some(request.path().into_bytes()),
            Self::Header(name) => request.header(name),
            Self::Cookie(name) => request.cookie(name),
            Self::Query(name) => request.query_param(name).map(String::into_bytes),
            Self::Claim(name) => jwt::claim(name).map(|claim| claim.to_string().into_bytes()),
        }
    }

    /// The client's address stands for what is not there.
    pub(crate) fn value_or_client(&self, request: &Request) -> Vec<u8> {
        self.value(request)
            .unwrap_or_else(|| request.client().ip.into_bytes())
    }
}

impl Split {
    pub(crate) fn total(&self) -> u64 {
        self.shares.values().map(|share| u64::from(*share)).sum()
    }

    /// The upstream that a lot belongs to. Who goes where changes as little as can be when one share grows at the cost of
    /// its neighbour's.
    pub(crate) fn draw(&self, lot: u64) -> &str {
        // The high half of a product: even for every total.
        let at = u64::try_from((u128::from(lot) * u128::from(self.total())) >> 64).unwrap_or(0);
        let mut end = 0;
        for (name, share) in &self.shares {
            end += u64::from(*share);
            if at < end {
                return name;
            }
        }
        self.shares.keys().next_back().map_or("", String::as_str)
    }
}

/// Whether a lot is among the first so many percent: who is in stays in when there are more.
#[expect(clippy::cast_precision_loss, reason = "10 000 fits")]
pub(crate) fn is_within(percent: f64, lot: u64) -> bool {
    let at = ((u128::from(lot) * u128::from(LOTS)) >> 64) as f64;
    at < (percent * LOTS as f64 / 100.0).round()
}

/// A number that is evenly spread over all of `u64`: FNV-1a, and the mixing of splitmix64 for its high bits.
pub(crate) fn lot(salt: &str, purpose: &str, subject: &[u8]) -> u64 {
    let parts = [salt.as_bytes(), purpose.as_bytes(), subject];
    let hash = parts.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        let hash = part.iter().fold(hash, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // Where one part ends and the next begins matters.
        (hash ^ 0xff).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lots(salt: &str) -> Vec<u64> {
        (0..20_000)
            .map(|client: u32| {
                lot(
                    salt,
                    "percent",
                    format!("10.0.{}.{}", client / 256, client % 256).as_bytes(),
                )
            })
            .collect()
    }

    #[test]
    fn shares_are_what_they_say() {
        for percent in [0.0, 0.5, 1.0, 10.0, 50.0, 99.0, 100.0] {
            let within = lots("a")
                .into_iter()
                .filter(|lot| is_within(percent, *lot))
                .count() as f64;
            let expected = 20_000.0 * percent / 100.0;
            assert!(
                (within - expected).abs() <= 150.0,
                "{percent}: {within}, not {expected}"
            );
        }
        let split = Split {
            shares: BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 0), ("c".to_owned(), 3)]),
        };
        let of = |name: &str| {
            lots("a")
                .into_iter()
                .filter(|lot| split.draw(*lot) == name)
                .count()
        };
        assert_eq!(of("b"), 0);
        assert!((4_700..5_300).contains(&of("a")), "{}", of("a"));
        assert_eq!(of("a") + of("c"), 20_000);
    }

    #[test]
    fn who_is_in_stays_in_when_a_share_grows() {
        assert!(
            lots("a")
                .into_iter()
                .all(|lot| !is_within(5.0, lot) || is_within(10.0, lot))
        );
        let split = |a, b| Split {
            shares: BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]),
        };
        let (before, after) = (split(10, 90), split(20, 80));
        assert!(
            lots("a")
                .into_iter()
                .all(|lot| before.draw(lot) != "a" || after.draw(lot) == "a")
        );
    }

    #[test]
    fn rules_draw_lots_of_their_own() {
        let both = lots("0").into_iter().zip(lots("1"));
        let both = both
            .filter(|(a, b)| is_within(50.0, *a) && is_within(50.0, *b))
            .count();
        assert!((4_700..5_300).contains(&both), "{both}");
    }

    #[test]
    fn the_same_client_draws_the_same_lot_for_ever() {
        assert_eq!(lot("0", "percent", b"192.0.2.1"), 0xadc3_6c36_e7e0_27a6);
    }
}
