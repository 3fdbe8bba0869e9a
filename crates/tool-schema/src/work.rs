//! How much work it is to validate something, counted before it is done.

use std::collections::HashMap;
use std::ptr;

use serde_json::Value;

use crate::InvalidArguments;
use crate::structure::{Scope, Structure, patterns_of, size};

/// Steps for all calls of a request. A tenth of a second, give or take; what a tool is called with takes some hundreds.
pub(crate) const MOST: u64 = 1_000_000;
/// Levels of schema and arguments together: each is a few frames on a stack that is small in WebAssembly.
const DEEPEST: usize = 256;
/// Steps for a character that is matched: there are patterns that try that many things at each.
const FOR_A_CHARACTER: u64 = 16;
/// The same where the pattern looks around or back, and for beginning with one.
const FOR_A_CHARACTER_AROUND: u64 = 64;
const FOR_A_PATTERN_AROUND: u64 = 2_000;
/// To know what is not yet evaluated, all that applies to the value is asked again, and what it consists of once more.
const FOR_UNEVALUATED: u64 = 8;

/// How many steps it takes to validate `arguments`.
///
/// # Errors
/// Where it takes more than `most`, or goes too deep.
pub(crate) fn steps(
    structure: &Structure<'_>,
    arguments: &Value,
    looks_around: bool,
    most: u64,
) -> Result<u64, InvalidArguments> {
    let mut work = Work { structure, looks_around, known: HashMap::new(), most, spent: 0 };
    let total = work.of(structure.root, Instance::Value(arguments), 0)?;
    if total > most { Err(InvalidArguments::TooMuchWork) } else { Ok(total) }
}

/// What is validated.
#[derive(Clone, Copy)]
enum Instance<'i> {
    Value(&'i Value),
    /// A property's name.
    Name(&'i str),
}

/// A part of the schema and a part of the arguments, by their addresses.
type Meeting = (*const Value, *const u8);

struct Work<'w, 's> {
    structure: &'w Structure<'s>,
    looks_around: bool,
    known: HashMap<Meeting, u64>,
    most: u64,
    /// What counting has taken itself.
    spent: u64,
}

impl<'s> Work<'_, 's> {
    fn of(&mut self, part: &'s Value, instance: Instance<'_>, depth: usize) -> Result<u64, InvalidArguments> {
        let meeting = (ptr::from_ref(part), instance.address());
        if let Some(steps) = self.known.get(&meeting) {
            return Ok(*steps);
        }
        if depth > DEEPEST {
            return Err(InvalidArguments::TooMuchWork);
        }
        let mut steps = self.here(part, instance);
        self.spend(steps)?;
        let applied = self.structure.applied(part)?;
        if applied.is_empty() {
            return Ok(steps);
        }
        for (scope, part) in applied {
            for instance in instance.within(scope) {
                steps = steps.saturating_add(self.of(part, instance, depth + 1)?);
                self.spend(1)?;
            }
        }
        if part.get("unevaluatedProperties").is_some() || part.get("unevaluatedItems").is_some() {
            steps = steps.saturating_mul(FOR_UNEVALUATED);
        }
        self.known.insert(meeting, steps);
        Ok(steps)
    }

    /// Without the parts that apply, too.
    fn here(&self, part: &Value, instance: Instance<'_>) -> u64 {
        let Value::Object(members) = part else { return 1 };
        let mut steps = 1 + members.len() as u64 + self.structure.compared(part);
        if let Some(text) = instance.text() {
            steps += text.len() as u64 / 64;
            if members.contains_key("pattern") {
                steps += self.matching(text);
            }
        }
        if let Instance::Value(value @ Value::Array(_)) = instance
            && members.contains_key("uniqueItems")
        {
            steps += size(value).saturating_mul(8);
        }
        let patterns = patterns_of(members).count() as u64;
        if let (Instance::Value(Value::Object(properties)), 1..) = (instance, patterns) {
            // Once for themselves, once to know which properties are additional.
            let names: u64 = properties.keys().map(|name| self.matching(name)).sum();
            steps = steps.saturating_add(names.saturating_mul(2 * patterns));
        }
        steps
    }

    fn matching(&self, text: &str) -> u64 {
        let length = text.len() as u64;
        if self.looks_around {
            FOR_A_PATTERN_AROUND + length * FOR_A_CHARACTER_AROUND
        } else {
            1 + length * FOR_A_CHARACTER
        }
    }

    fn spend(&mut self, steps: u64) -> Result<(), InvalidArguments> {
        self.spent = self.spent.saturating_add(steps);
        if self.spent > self.most { Err(InvalidArguments::TooMuchWork) } else { Ok(()) }
    }
}

impl<'i> Instance<'i> {
    fn address(self) -> *const u8 {
        match self {
            Self::Value(value) => ptr::from_ref(value).cast(),
            Self::Name(name) => name.as_ptr(),
        }
    }

    fn text(self) -> Option<&'i str> {
        match self {
            Self::Value(value) => value.as_str(),
            Self::Name(name) => Some(name),
        }
    }

    /// Those to which something applies that applies in this scope.
    fn within(self, scope: Scope<'_>) -> Vec<Self> {
        let Self::Value(value) = self else {
            return if scope == Scope::Same { vec![self] } else { Vec::new() };
        };
        match (scope, value) {
            (Scope::Same, _) => vec![self],
            (Scope::Property(name), Value::Object(properties)) => {
                properties.get(name).map(Self::Value).into_iter().collect()
            }
            (Scope::EachProperty, Value::Object(properties)) => properties.values().map(Self::Value).collect(),
            (Scope::Names, Value::Object(properties)) => properties.keys().map(|name| Self::Name(name)).collect(),
            (Scope::Item(index), Value::Array(items)) => items.get(index).map(Self::Value).into_iter().collect(),
            (Scope::EachItem, Value::Array(items)) => items.iter().map(Self::Value).collect(),
            (Scope::Property(_) | Scope::EachProperty | Scope::Names | Scope::Item(_) | Scope::EachItem, _) => {
                Vec::new()
            }
        }
    }
}
