//! Where a value does not fit a schema, and what is wrong there.

use serde_json::Value;

/// How many values of an `enum` are told.
const MOST_TOLD: usize = 3;

/// The first mistake that was found.
#[derive(Debug)]
pub(crate) struct Misfit<'s, 'i> {
    /// The way to it, the last step first.
    way: Vec<Step<'i>>,
    keyword: &'s str,
    /// What the keyword expects: its value, or the name of the property that is missing.
    expected: &'s Value,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'i> {
    Property(&'i str),
    Item(usize),
}

impl<'s, 'i> Misfit<'s, 'i> {
    /// In a box: what recurses keeps little on the stack.
    #[inline(never)]
    pub(crate) fn here(keyword: &'s str, expected: &'s Value) -> Box<Self> {
        Box::new(Self { way: Vec::new(), keyword, expected })
    }

    /// The same, seen from the value that the value is in.
    #[inline(never)]
    pub(crate) fn within(mut self: Box<Self>, step: Step<'i>) -> Box<Self> {
        self.way.push(step);
        self
    }

    /// Where it is (RFC 6901).
    pub(crate) fn pointer(&self) -> String {
        let step = |step: &Step<'_>| match step {
            Step::Property(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Item(index) => format!("/{index}"),
        };
        self.way.iter().rev().map(step).collect()
    }

    /// What is wrong, without the value itself.
    pub(crate) fn problem(&self) -> String {
        let expected = self.expected;
        match self.keyword {
            "additionalProperties" | "unevaluatedProperties" => {
                "has a property that the schema does not know".to_owned()
            }
            "items" | "additionalItems" | "unevaluatedItems" => "has more items than the schema knows".to_owned(),
            "propertyNames" => "has a property whose name the schema does not allow".to_owned(),
            "contentEncoding" | "contentMediaType" => "is not encoded as the schema says".to_owned(),
            "type" => types(expected),
            "enum" => choice(expected),
            "const" => format!("{expected} was expected"),
            "required" | "dependentRequired" | "dependencies" => format!("{expected} is a required property"),
            "minimum" => format!("this is less than the minimum of {expected}"),
            "maximum" => format!("this is greater than the maximum of {expected}"),
            "exclusiveMinimum" => format!("this is less than or equal to the minimum of {expected}"),
            "exclusiveMaximum" => format!("this is greater than or equal to the maximum of {expected}"),
            "multipleOf" => format!("this is not a multiple of {expected}"),
            "minLength" => format!("this is shorter than {}", count(expected, "character", "characters")),
            "maxLength" => format!("this is longer than {}", count(expected, "character", "characters")),
            "minItems" => format!("this has less than {}", count(expected, "item", "items")),
            "maxItems" => format!("this has more than {}", count(expected, "item", "items")),
            "minProperties" => format!("this has less than {}", count(expected, "property", "properties")),
            "maxProperties" => format!("this has more than {}", count(expected, "property", "properties")),
            "uniqueItems" => "this has non-unique elements".to_owned(),
            "pattern" => format!("this does not match \"{}\"", expected.as_str().unwrap_or_default()),
            "contains" => "none of this are valid under the given schema".to_owned(),
            "minContains" => format!("fewer than {expected} of this are valid under the given schema"),
            "maxContains" => format!("more than {expected} of this are valid under the given schema"),
            "anyOf" => "this is not valid under any of the schemas listed in the 'anyOf' keyword".to_owned(),
            "oneOf" => "this is not valid under exactly one of the schemas listed in the 'oneOf' keyword".to_owned(),
            "not" => format!("{expected} is not allowed for this"),
            _ => "the schema allows nothing here".to_owned(),
        }
    }
}

fn types(expected: &Value) -> String {
    match expected {
        Value::Array(types) if types.len() > 1 => {
            let types: Vec<String> = types.iter().map(Value::to_string).collect();
            format!("this is not of types {}", types.join(", "))
        }
        Value::Array(types) => types.iter().map(types_one).collect(),
        one => types_one(one),
    }
}

fn types_one(expected: &Value) -> String {
    format!("this is not of type {expected}")
}

fn choice(expected: &Value) -> String {
    let values: Vec<String> = expected.as_array().into_iter().flatten().map(Value::to_string).collect();
    match values.as_slice() {
        [first @ .., last] if !first.is_empty() && values.len() <= MOST_TOLD => {
            format!("this is not one of {} or {last}", first.join(", "))
        }
        [first, second, rest @ ..] if !rest.is_empty() => {
            format!("this is not one of {first}, {second} or {} other candidates", rest.len())
        }
        _ => format!("this is not one of {}", values.join("")),
    }
}

fn count(expected: &Value, one: &str, more: &str) -> String {
    format!("{expected} {}", if expected.as_f64() == Some(1.0) { one } else { more })
}
