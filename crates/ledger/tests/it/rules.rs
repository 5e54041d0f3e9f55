//! Every rule in the code is in `docs/rules.md`, and every rule there is in the code.

use std::collections::BTreeSet;

const SOURCES: [&str; 9] = [
    include_str!("../../src/sealed/refusal.rs"),
    include_str!("../../src/sealed/terms.rs"),
    include_str!("../../src/refusal.rs"),
    include_str!("../../src/apply/stated.rs"),
    include_str!("../../src/genesis/check.rs"),
    include_str!("../../../model/src/offer.rs"),
    include_str!("../../../model/src/need.rs"),
    include_str!("../../../model/src/horizon/refusal.rs"),
    include_str!("../../../dispatch/src/certificate.rs"),
];
const PROBLEM: &str = include_str!("../../../dispatch/src/problem.rs");
const DOCUMENT: &str = include_str!("../../../../docs/rules.md");
/// First letters of the sections this test covers.
const SECTIONS: &str = "CONSWBMAPGXT";

fn rule(word: &str) -> Option<&str> {
    let word = word.trim_matches(|char: char| !char.is_ascii_alphanumeric());
    let (letter, number) = (word.chars().next()?, word.get(1..)?);
    let known = SECTIONS.contains(letter) && !number.is_empty();
    (known && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(word)
}

#[test]
fn code_and_document_name_the_same_rules() {
    let in_code: BTreeSet<&str> = SOURCES
        .iter()
        .chain([&PROBLEM])
        .flat_map(|source| source.lines())
        .filter_map(|line| line.trim().strip_prefix("/// Rule "))
        .filter_map(|rest| rule(rest.split(' ').next()?))
        .collect();
    let in_document: BTreeSet<&str> = DOCUMENT
        .lines()
        .filter_map(|line| rule(line.strip_prefix("| ")?.split(' ').next()?))
        .collect();
    assert_eq!(in_code, in_document);
    assert_eq!(in_code.len(), 126);
}
