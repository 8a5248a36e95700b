//! Every case that is told as steps has a test that is named after it.

use crate::by_hand::{copies, function_name, tests};
use crate::skips::SKIPS;
use std::collections::BTreeSet;

#[test]
fn every_case_has_a_test() {
    let tests = tests();
    let applies = |name: &&String| SKIPS.iter().all(|(other, _)| other != *name);
    let all = copies();
    let missing: BTreeSet<&str> = all
        .keys()
        .filter(applies)
        .filter(|name| !tests.contains(&function_name(name)))
        .map(String::as_str)
        .collect();
    assert_eq!(missing, BTreeSet::new());
}
