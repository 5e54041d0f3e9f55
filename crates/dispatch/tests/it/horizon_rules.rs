//! Every rule H and K in the code is in `docs/rules.md`, and every such rule there is in the code.

use std::collections::BTreeSet;

const SOURCES: [&str; 2] =
    [include_str!("../../src/horizon/limits.rs"), include_str!("../../src/horizon/verdict.rs")];
const DOCUMENT: &str = include_str!("../../../../docs/rules.md");

fn rule(word: &str) -> Option<&str> {
    let word = word.trim_end_matches('.');
    let number = word.strip_prefix(['H', 'K'])?;
    number.parse::<u16>().ok().map(|_| word)
}

#[test]
fn code_and_document_name_the_same_rules() {
    let in_code: BTreeSet<&str> = SOURCES
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.trim().strip_prefix("/// Rule "))
        .filter_map(|rest| rule(rest.split(' ').next()?))
        .collect();
    let in_document: BTreeSet<&str> = DOCUMENT
        .lines()
        .filter_map(|line| rule(line.strip_prefix("| ")?.split(' ').next()?))
        .collect();
    assert_eq!(in_code, in_document);
    assert_eq!(in_code.len(), 9 + 19);
}
