//! What differs between a server and the same server behind Gatehouse.

use super::exchange::Fields;
use super::script::Answers;

/// A field that is not the same.
#[derive(Debug)]
pub(crate) struct Difference {
    /// What was asked.
    pub(crate) asked: &'static str,
    /// Whether the server answered with JSON, and Gatehouse with events: it began before the server did.
    pub(crate) is_begun_early: bool,
    /// The field of the answer.
    pub(crate) field: String,
    /// What it is directly, and through Gatehouse; `None` where it is absent.
    pub(crate) direct: Option<String>,
    pub(crate) through: Option<String>,
}

/// The differences between what the server answered and what came through. What differs between two runs without Gatehouse
/// is of one run alone: an id, a time, a name of a file.
pub(crate) fn between(direct: &Answers, direct_again: &Answers, through: &Answers) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (((asked, one), (_, other)), (_, ours)) in direct.iter().zip(direct_again).zip(through) {
        let kind = |fields: &Fields| fields.get("header content-type").cloned().unwrap_or_default();
        let is_begun_early = kind(one).starts_with("application/json") && kind(ours) == "text/event-stream";
        let mut fields: Vec<_> = one.keys().chain(ours.keys()).collect();
        fields.sort();
        fields.dedup();
        for field in fields {
            let varies = one.get(field) != other.get(field);
            let is_there = |fields: &Fields| fields.contains_key(field);
            let same = if varies { is_there(one) == is_there(ours) } else { one.get(field) == ours.get(field) };
            if !same {
                let (direct, through) = (one.get(field).cloned(), ours.get(field).cloned());
                differences.push(Difference { asked, is_begun_early, field: field.clone(), direct, through });
            }
        }
    }
    differences
}
