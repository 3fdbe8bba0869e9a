//! When two JSON values are one (JSON Schema, "Instance Equality"), and how numbers compare.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// Whether two values are the same: `1` and `1.0` are, and the order of members means nothing.
pub(crate) fn equal(one: &Value, other: &Value) -> bool {
    ordered(one, other) == Ordering::Equal
}

/// Whether no two of the items are the same.
pub(crate) fn are_unique(items: &[Value]) -> bool {
    let mut sorted: Vec<&Value> = items.iter().collect();
    sorted.sort_unstable_by(|one, other| ordered(one, other));
    sorted.iter().zip(sorted.iter().skip(1)).all(|(one, next)| !equal(one, next))
}

/// Some order of all values, so that equal ones come together.
fn ordered(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => compared(one, other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Array(one), Value::Array(other)) => {
            let items = || one.iter().zip(other).map(|(one, other)| ordered(one, other));
            one.len().cmp(&other.len()).then_with(|| items().find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len().cmp(&other.len()).then_with(|| members_ordered(one, other))
        }
        _ => rank(one).cmp(&rank(other)),
    }
}

fn members_ordered(one: &Map<String, Value>, other: &Map<String, Value>) -> Ordering {
    let sorted = |members: &Map<String, Value>| {
        let mut names: Vec<String> = members.keys().cloned().collect();
        names.sort_unstable();
        names
    };
    // A map of serde_json is sorted, unless some other crate wants it otherwise.
    let is_sorted = one.keys().is_sorted() && other.keys().is_sorted();
    let names = if is_sorted { one.keys().cmp(other.keys()) } else { sorted(one).cmp(&sorted(other)) };
    names.then_with(|| {
        let values = one.iter().filter_map(|(name, value)| Some(ordered(value, other.get(name)?)));
        values.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    })
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// How two numbers compare, exactly.
pub(crate) fn compared(one: &Number, other: &Number) -> Ordering {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(one), None) => with_float(one, float(other)),
        (None, Some(other)) => with_float(other, float(one)).reverse(),
        // No number of JSON is NaN.
        (None, None) => float(one).partial_cmp(&float(other)).unwrap_or(Ordering::Equal),
    }
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

/// An integer of JSON is far smaller than what `as` would cut off.
#[allow(clippy::cast_possible_truncation)]
fn with_float(integer: i128, float: f64) -> Ordering {
    let whole = float.trunc();
    integer.cmp(&(whole as i128)).then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal))
}

/// Whether a number is an integer, however it is written (`1.0` is one).
pub(crate) fn is_integer(number: &Number) -> bool {
    number.as_i128().is_some() || float(number).fract() == 0.0
}

/// Whether `number` is a whole multiple of `of`, by what is written: 0.0075 is one of 0.0001.
pub(crate) fn is_multiple(number: &Number, of: &Number) -> bool {
    let (Some(number), Some(of)) = (Decimal::of(number), Decimal::of(of)) else { return false };
    if number.digits == 0 || of.digits == 0 {
        return number.digits == 0;
    }
    if number.exponent >= of.exponent {
        return modulo_of_scaled(number.digits, number.exponent.abs_diff(of.exponent), of.digits) == 0;
    }
    let scaled = 10_u128.checked_pow(of.exponent.abs_diff(number.exponent)).and_then(|by| of.digits.checked_mul(by));
    scaled.is_some_and(|of| number.digits % of == 0)
}

/// `digits × 10^by` modulo `of`, which has at most 64 bits, as all digits have.
fn modulo_of_scaled(digits: u128, by: u32, of: u128) -> u128 {
    (0..by).fold(digits % of, |left, _| left * 10 % of)
}

/// What a number says: digits × 10^exponent. Its sign does not matter here.
struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    fn of(number: &Number) -> Option<Self> {
        let text = number.to_string();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
        let mantissa = mantissa.trim_start_matches('-');
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}").parse().ok()?;
        let exponent = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Self { digits, exponent })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn values_are_the_same_by_what_they_say() {
        for (one, other) in [
            (json!(1), json!(1.0)),
            (json!(-0.0), json!(0)),
            (json!(-0.0), json!(0.0)),
            (json!([1, "a"]), json!([1.0, "a"])),
            (json!({ "a": 1, "b": [null] }), json!({ "b": [null], "a": 1.0 })),
            (json!(18_446_744_073_709_551_615_u64), json!(18_446_744_073_709_551_615_u64)),
        ] {
            assert!(equal(&one, &other) && equal(&other, &one), "{one} {other}");
        }
        for (one, other) in [
            (json!(1), json!(true)),
            (json!(0), json!(false)),
            (json!(""), json!(null)),
            (json!("1"), json!(1)),
            (json!([1, 2]), json!([2, 1])),
            (json!({ "a": 1 }), json!({ "b": 1 })),
            (json!({ "a": 1 }), json!({ "a": 2 })),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0)),
        ] {
            assert!(!equal(&one, &other) && !equal(&other, &one), "{one} {other}");
        }
    }

    #[test]
    fn items_are_unique_where_no_two_are_the_same() {
        for unique in [json!([]), json!([1, true, 0, false, "1", [1], { "a": 1 }, { "a": 2 }, null]), json!([[1], [2]])]
        {
            assert!(are_unique(unique.as_array().unwrap()), "{unique}");
        }
        for doubled in [json!([1, 2, 1.0]), json!([{ "a": 1, "b": 2 }, 5, { "b": 2, "a": 1 }]), json!([[1], 2, [1]])] {
            assert!(!are_unique(doubled.as_array().unwrap()), "{doubled}");
        }
    }

    #[test]
    fn numbers_compare_exactly() {
        for (smaller, larger) in [
            ("1", "1.5"),
            ("-1.5", "-1"),
            ("9007199254740992.0", "9007199254740993"),
            ("18446744073709551615", "1e300"),
            ("-1e300", "-9223372036854775808"),
            ("0.1", "0.2"),
        ] {
            assert_eq!(compared(&number(smaller), &number(larger)), Ordering::Less, "{smaller} {larger}");
            assert_eq!(compared(&number(larger), &number(smaller)), Ordering::Greater, "{smaller} {larger}");
        }
    }

    #[test]
    fn a_multiple_is_one_by_what_is_written() {
        for (value, of) in [
            ("0.0075", "0.0001"),
            ("4.5", "1.5"),
            ("-6", "3"),
            ("0", "7"),
            ("1e308", "0.5"),
            ("12391239123", "1e-8"),
            ("19.99", "0.01"),
            ("1e20", "1e19"),
        ] {
            assert!(is_multiple(&number(value), &number(of)), "{value} {of}");
        }
        for (value, of) in [("0.00751", "0.0001"), ("7", "2"), ("1e308", "0.123456789"), ("0.5", "1"), ("1e-300", "7")]
        {
            assert!(!is_multiple(&number(value), &number(of)), "{value} {of}");
        }
    }
}
