//! Whether the rounds rule chance out.
//!
//! If two rows are alike, all rounds of one of them lie below all of the other's once in `C(n + m, n)`
//! times, and as often above. An order is established if chance makes it once in twenty times at most, for
//! which it takes four rounds of each.

use std::fmt;

/// How often chance may make an order that is called established.
const MOST: f64 = 0.05;

/// Rounds of each of two rows from which on their order can be established.
pub(super) const ENOUGH: usize = 4;

/// Why chance is not ruled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// There are so few rounds.
    FewRounds(usize),
    /// Some rounds kept up and others did not.
    Divided,
}

impl Doubt {
    /// Of an order of so many rounds with so many others, all of which it holds for.
    pub(super) fn of(rounds: usize, others: usize) -> Option<Self> {
        (!rules_chance_out(rounds, others)).then(|| Self::FewRounds(rounds.min(others)))
    }

    /// The more serious of two: that of fewer rounds.
    pub(super) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::FewRounds(a), Self::FewRounds(b)) => Self::FewRounds(a.min(b)),
            (few @ Self::FewRounds(_), Self::Divided) | (Self::Divided, few) => few,
        }
    }
}

impl fmt::Display for Doubt {
    /// The end of a sentence, in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewRounds(rounds) => {
                let s = if *rounds == 1 { "" } else { "s" };
                write!(
                    f,
                    "(by {rounds} round{s}: chance is not ruled out; {ENOUGH} rounds or more would do that)"
                )
            }
            Self::Divided => {
                f.write_str("(some rounds kept up and others did not: chance is not ruled out)")
            }
        }
    }
}

/// Whether chance puts all of so many rounds on one side of so many others at most once in twenty times.
fn rules_chance_out(rounds: usize, others: usize) -> bool {
    let (few, many) = (rounds.min(others), rounds.max(others));
    let mut ways = 1.0;
    for n in 1..=few {
        ways *= (many + n) as f64 / n as f64;
        if 2.0 / ways <= MOST {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_rounds_rule_chance_out() {
        for (rounds, others, want) in [
            (0, 9, Some(Doubt::FewRounds(0))),
            (1, 1, Some(Doubt::FewRounds(1))),
            (2, 2, Some(Doubt::FewRounds(2))),
            (3, 3, Some(Doubt::FewRounds(3))),
            (4, 3, Some(Doubt::FewRounds(3))),
            (5, 3, None),
            (2, 8, None),
            (2, 7, Some(Doubt::FewRounds(2))),
            (1, 39, None),
            (4, 4, None),
            (10_000, 10_000, None),
        ] {
            assert_eq!(Doubt::of(rounds, others), want, "{rounds} {others}");
            assert_eq!(Doubt::of(others, rounds), want, "{others} {rounds}");
        }
        let least = (1..).find(|rounds| rules_chance_out(*rounds, *rounds));
        assert_eq!(least, Some(ENOUGH));
    }
}
