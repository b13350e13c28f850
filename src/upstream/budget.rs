//! How many extra attempts (retries and hedges) an upstream may cost: a share of its requests, so
//! that a failing upstream is not buried under its own retries.
//!
//! A sliding window of ten seconds made of two slots: the current slot counts fully, the previous
//! one by the part of it that the window still covers, as if its events were spread evenly.

use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Moment;
use crate::config;

const SLOT_MICROS: u64 = 10_000_000;

/// Counts of one upstream, shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// The slot of even and of odd numbers.
    slots: [AtomicU64; 2],
}

/// One slot, packed as 12 bits of its number, 20 of extra attempts, 32 of exchanges.
#[derive(Clone, Copy)]
struct Slot {
    number: u64,
    extras: u64,
    exchanges: u64,
}

const NUMBERS: u64 = (1 << 12) - 1;
const MOST_EXTRAS: u64 = (1 << 20) - 1;
const MOST_EXCHANGES: u64 = (1 << 32) - 1;

impl Budget {
    /// Counts one exchange.
    pub(super) fn exchange(&self, now: Moment) {
        let number = now.0 / SLOT_MICROS;
        self.change(number, |slot| {
            Some(Slot {
                exchanges: (slot.exchanges + 1).min(MOST_EXCHANGES),
                ..slot
            })
        });
    }

    /// Takes one extra attempt; false when there is none left.
    pub(super) fn allow(&self, now: Moment, rules: config::Budget) -> bool {
        let number = now.0 / SLOT_MICROS;
        let kept = 1.0 - (now.0 % SLOT_MICROS) as f64 / SLOT_MICROS as f64;
        let previous = self.read(number.wrapping_sub(1));
        self.change(number, |slot| {
            let exchanges = slot.exchanges as f64 + kept * previous.exchanges as f64;
            let extras = slot.extras as f64 + kept * previous.extras as f64;
            let room =
                extras + 1.0 <= f64::from(rules.floor) + rules.ratio * exchanges && slot.extras < MOST_EXTRAS;
            room.then_some(Slot {
                extras: slot.extras + 1,
                ..slot
            })
        })
    }

    fn cell(&self, number: u64) -> &AtomicU64 {
        &self.slots[usize::from(number % 2 == 1)]
    }

    fn read(&self, number: u64) -> Slot {
        Slot::unpacked(self.cell(number).load(Ordering::Relaxed), number)
    }

    fn change(&self, number: u64, next: impl Fn(Slot) -> Option<Slot>) -> bool {
        let update = |word| next(Slot::unpacked(word, number)).map(Slot::packed);
        self.cell(number)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update)
            .is_ok()
    }
}

impl Slot {
    /// The slot of this number; empty when the word still holds an older one.
    fn unpacked(word: u64, number: u64) -> Self {
        let number = number & NUMBERS;
        if word >> 52 != number {
            return Self {
                number,
                extras: 0,
                exchanges: 0,
            };
        }
        Self {
            number,
            extras: word >> 32 & MOST_EXTRAS,
            exchanges: word & MOST_EXCHANGES,
        }
    }

    fn packed(self) -> u64 {
        self.number << 52 | self.extras << 32 | self.exchanges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: config::Budget = config::Budget { floor: 3, ratio: 0.2 };

    fn at(millis: u64) -> Moment {
        Moment(millis * 1000)
    }

    fn taken(budget: &Budget, now: Moment) -> usize {
        (0..10_000).take_while(|_| budget.allow(now, RULES)).count()
    }

    #[test]
    fn the_floor_is_there_without_any_traffic_and_ends() {
        assert_eq!(taken(&Budget::default(), at(0)), 3);
        assert_eq!(taken(&Budget::default(), at(123_456)), 3);
    }

    #[test]
    fn a_share_of_the_exchanges_comes_on_top() {
        let budget = Budget::default();
        for _ in 0..100 {
            budget.exchange(at(1));
        }
        assert_eq!(taken(&budget, at(2)), 23);
    }

    #[test]
    fn what_was_spent_comes_back_as_the_window_moves_on() {
        let budget = Budget::default();
        assert_eq!(taken(&budget, at(9_999)), 3);
        assert_eq!(taken(&budget, at(10_000)), 0);
        assert_eq!(
            taken(&budget, at(14_000)),
            1,
            "two fifths of the window have gone"
        );
        assert_eq!(taken(&budget, at(30_000)), 3);
    }

    #[test]
    fn a_pause_of_any_length_leaves_nothing_behind() {
        for pause in [20_000, 30_000, 40_000, 86_400_000] {
            let budget = Budget::default();
            (0..1000).for_each(|_| budget.exchange(at(0)));
            assert_eq!(taken(&budget, at(pause)), 3, "{pause}");
        }
    }

    #[test]
    fn a_budget_of_nothing_allows_nothing() {
        let budget = Budget::default();
        (0..1000).for_each(|_| budget.exchange(at(0)));
        assert!(!budget.allow(at(1), config::Budget { floor: 0, ratio: 0.0 }));
    }
}
