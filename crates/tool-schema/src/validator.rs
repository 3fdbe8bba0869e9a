//! Whether a value fits a schema.
//!
//! Only for what [`work::steps`](crate::work::steps) has counted, and for schemas whose references end
//! ([`Structure`]): nothing here has bounds of its own, but for the patterns.

use std::cell::Cell;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Number, Value};

use crate::dialect::Dialect;
use crate::equality::{are_unique, compared, equal, is_integer, is_multiple};
use crate::evaluated::Evaluated;
use crate::keywords::{Keywords, object};
use crate::misfit::{Misfit, Step};
use crate::structure::{Structure, patterns_of};

type Fits<'s, 'i> = Result<(), Box<Misfit<'s, 'i>>>;
/// What is evaluated, where somebody asks.
type Noted<'n, 'i> = Option<&'n mut Evaluated<'i>>;

const UNEVALUATED: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];

/// One validation.
pub(crate) struct Validator<'v, 's> {
    structure: &'v Structure<'s>,
    keywords: &'v Keywords<'s>,
    /// A pattern could not be matched within its bound: what depends on it is unknown, also under a `not`.
    gave_up: Cell<bool>,
}

/// A keyword with its value, and what stands beside it.
struct Keyword<'s> {
    name: &'s str,
    value: &'s Value,
    beside: &'s Map<String, Value>,
}

impl<'s> Keyword<'s> {
    fn misfit<'i>(&self) -> Box<Misfit<'s, 'i>> {
        Misfit::here(self.name, self.value)
    }

    fn fits<'i>(&self, fits: bool) -> Fits<'s, 'i> {
        if fits { Ok(()) } else { Err(self.misfit()) }
    }
}

impl<'v, 's> Validator<'v, 's> {
    pub(crate) fn new(structure: &'v Structure<'s>, keywords: &'v Keywords<'s>) -> Self {
        Self { structure, keywords, gave_up: Cell::new(false) }
    }

    /// Whether a value fits the whole schema.
    pub(crate) fn validate<'i>(&self, value: &'i Value) -> Fits<'s, 'i> {
        self.check(self.structure.root, value, None)
    }

    /// Whether what [`Self::validate`] said is not to be relied on.
    pub(crate) fn gave_up(&self) -> bool {
        self.gave_up.get()
    }

    fn check<'i>(&self, part: &'s Value, value: &'i Value, noted: Noted<'_, 'i>) -> Fits<'s, 'i> {
        let members = match part {
            Value::Object(members) => members,
            Value::Bool(true) => return Ok(()),
            _ => return Err(Misfit::here("", part)),
        };
        let dialect = self.structure.dialect;
        if let (true, Some((name, reference))) = (dialect.ignores_beside_ref(), members.get_key_value("$ref")) {
            return self.applied(&Keyword { name, value: reference, beside: members }, value, noted);
        }
        let asked = UNEVALUATED.iter().any(|name| members.contains_key(*name) && dialect.knows(name));
        let mut own = (asked || noted.is_some()).then(Box::<Evaluated<'i>>::default);
        for (name, expected) in members {
            let keyword = Keyword { name, value: expected, beside: members };
            if dialect.knows(name) {
                self.keyword(&keyword, value, own.as_deref_mut())?;
            }
        }
        let Some(mut own) = own else { return Ok(()) };
        for name in UNEVALUATED {
            if let Some((name, part)) = members.get_key_value(name).filter(|_| asked) {
                self.unevaluated(&Keyword { name, value: part, beside: members }, value, &mut own)?;
            }
        }
        if let Some(noted) = noted {
            noted.add(*own);
        }
        Ok(())
    }

    fn keyword<'i>(&self, keyword: &Keyword<'s>, value: &'i Value, noted: Noted<'_, 'i>) -> Fits<'s, 'i> {
        match (keyword.name, value) {
            ("type" | "enum" | "const", _) => keyword.fits(is_expected(keyword, value)),
            ("allOf" | "anyOf" | "oneOf" | "not" | "if" | "$ref" | "$dynamicRef" | "$recursiveRef", _) => {
                self.applied(keyword, value, noted)
            }
            ("dependentSchemas" | "dependencies", Value::Object(properties)) => {
                self.dependent(keyword, value, properties, noted)
            }
            ("properties" | "patternProperties" | "additionalProperties", Value::Object(properties)) => {
                self.properties(keyword, properties, noted)
            }
            ("items" | "prefixItems" | "additionalItems", Value::Array(items)) => self.items(keyword, items, noted),
            ("contains", Value::Array(items)) => self.contains(keyword, items, noted),
            ("propertyNames", Value::Object(properties)) => self.names(keyword, properties),
            (_, Value::Object(properties)) => object_fits(keyword, properties),
            (_, Value::Array(items)) => array_fits(keyword, items),
            (_, Value::String(text)) => self.string(keyword, text),
            (_, Value::Number(number)) => number_fits(keyword, number),
            (_, Value::Null | Value::Bool(_)) => Ok(()),
        }
    }

    /// The keywords that apply other parts to the same value.
    fn applied<'i>(&self, keyword: &Keyword<'s>, value: &'i Value, mut noted: Noted<'_, 'i>) -> Fits<'s, 'i> {
        let parts = keyword.value.as_array().map_or(&[] as &[Value], Vec::as_slice);
        match keyword.name {
            "allOf" => {
                for part in parts {
                    self.check(part, value, noted.as_deref_mut())?;
                }
                Ok(())
            }
            "anyOf" | "oneOf" => {
                let mut fitting = 0_usize;
                for part in parts {
                    fitting += usize::from(self.attempt(part, value, noted.as_deref_mut()));
                    if fitting > 0 && noted.is_none() && keyword.name == "anyOf" {
                        break;
                    }
                }
                keyword.fits(fitting == 1 || (fitting > 1 && keyword.name == "anyOf"))
            }
            "not" => keyword.fits(!self.attempt(keyword.value, value, None)),
            "if" => {
                let fits = self.attempt(keyword.value, value, noted.as_deref_mut());
                match keyword.beside.get(if fits { "then" } else { "else" }) {
                    Some(part) => self.check(part, value, noted),
                    None => Ok(()),
                }
            }
            _ => match keyword.value.as_str().and_then(|reference| self.keywords.target(reference)) {
                Some(target) => self.check(target, value, noted),
                None => Err(keyword.misfit()),
            },
        }
    }

    /// Whether a value fits a part that it need not fit.
    fn attempt<'i>(&self, part: &'s Value, value: &'i Value, noted: Noted<'_, 'i>) -> bool {
        let Some(noted) = noted else { return self.check(part, value, None).is_ok() };
        let mut own = Box::<Evaluated<'i>>::default();
        let fits = self.check(part, value, Some(&mut *own)).is_ok();
        if fits {
            noted.add(*own);
        }
        fits
    }

    fn dependent<'i>(
        &self,
        keyword: &Keyword<'s>,
        value: &'i Value,
        properties: &'i Map<String, Value>,
        mut noted: Noted<'_, 'i>,
    ) -> Fits<'s, 'i> {
        for (name, dependent) in keyword.value.as_object().into_iter().flatten() {
            match dependent {
                _ if !properties.contains_key(name) => {}
                Value::Array(_) => has_all(keyword, dependent, properties)?,
                part => self.check(part, value, noted.as_deref_mut())?,
            }
        }
        Ok(())
    }

    /// The keywords that apply parts to properties.
    fn properties<'i>(
        &self,
        keyword: &Keyword<'s>,
        properties: &'i Map<String, Value>,
        mut noted: Noted<'_, 'i>,
    ) -> Fits<'s, 'i> {
        if keyword.name == "additionalProperties" {
            for (name, value) in properties {
                if !self.is_additional(keyword.beside, name) {
                } else if *keyword.value == Value::Bool(false) {
                    return Err(keyword.misfit());
                } else {
                    self.property(keyword.value, name, value, noted.as_deref_mut())?;
                }
            }
            return Ok(());
        }
        for (key, part) in keyword.value.as_object().into_iter().flatten() {
            if keyword.name == "properties" {
                if let Some((name, value)) = properties.get_key_value(key) {
                    self.property(part, name, value, noted.as_deref_mut())?;
                }
                continue;
            }
            for (name, value) in properties {
                if self.matches(key, name) {
                    self.property(part, name, value, noted.as_deref_mut())?;
                }
            }
        }
        Ok(())
    }

    fn property<'i>(&self, part: &'s Value, name: &'i str, value: &'i Value, noted: Noted<'_, 'i>) -> Fits<'s, 'i> {
        if let Some(noted) = noted {
            noted.property(name);
        }
        self.check(part, value, None).map_err(|misfit| misfit.within(Step::Property(name)))
    }

    /// Whether neither `properties` nor `patternProperties` has a property.
    fn is_additional(&self, beside: &'s Map<String, Value>, name: &str) -> bool {
        object(beside, "properties").is_none_or(|properties| !properties.contains_key(name))
            && !patterns_of(beside).any(|pattern| self.matches(pattern, name))
    }

    fn names<'i>(&self, keyword: &Keyword<'s>, properties: &'i Map<String, Value>) -> Fits<'s, 'i> {
        for name in properties.keys() {
            if self.check(keyword.value, &Value::String(name.clone()), None).is_err() {
                return Err(keyword.misfit());
            }
        }
        Ok(())
    }

    /// The keywords that apply parts to items: each item of the beginning has a part of its own, the others have one.
    fn items<'i>(&self, keyword: &Keyword<'s>, items: &'i [Value], mut noted: Noted<'_, 'i>) -> Fits<'s, 'i> {
        if let (true, Value::Array(parts)) = (keyword.name != "additionalItems", keyword.value) {
            for (index, (part, item)) in parts.iter().zip(items).enumerate() {
                self.item(part, index, item, noted.as_deref_mut())?;
            }
            return Ok(());
        }
        let beginning = if keyword.name == "items" { "prefixItems" } else { "items" };
        let beginning = keyword.beside.get(beginning).filter(|_| self.structure.dialect.knows(beginning));
        let beginning = match beginning.and_then(Value::as_array) {
            Some(parts) => parts.len(),
            None if keyword.name == "items" => 0,
            None => return Ok(()),
        };
        if items.len() > beginning && *keyword.value == Value::Bool(false) {
            return Err(keyword.misfit());
        }
        for (index, item) in items.iter().enumerate().skip(beginning) {
            self.item(keyword.value, index, item, None)?;
        }
        if let Some(noted) = noted {
            noted.all_items();
        }
        Ok(())
    }

    fn item<'i>(&self, part: &'s Value, index: usize, item: &'i Value, noted: Noted<'_, 'i>) -> Fits<'s, 'i> {
        if let Some(noted) = noted {
            noted.item(index);
        }
        self.check(part, item, None).map_err(|misfit| misfit.within(Step::Item(index)))
    }

    fn contains<'i>(&self, keyword: &Keyword<'s>, items: &'i [Value], mut noted: Noted<'_, 'i>) -> Fits<'s, 'i> {
        let dialect = self.structure.dialect;
        let mut fitting = 0;
        for (index, item) in items.iter().enumerate() {
            if self.check(keyword.value, item, None).is_ok() {
                fitting += 1;
                if let (Some(noted), Dialect::Draft2020) = (noted.as_deref_mut(), dialect) {
                    noted.item(index);
                }
            }
        }
        let limit = |name: &str| keyword.beside.get_key_value(name).filter(|_| dialect.knows(name));
        match (limit("minContains"), limit("maxContains")) {
            (None, _) if fitting == 0 => Err(keyword.misfit()),
            (Some((name, least)), _) if !at_least(fitting, least) => Err(Misfit::here(name, least)),
            (_, Some((name, most))) if !at_most(fitting, most) => Err(Misfit::here(name, most)),
            _ => Ok(()),
        }
    }

    /// Applies a part to what nothing else has been applied to.
    fn unevaluated<'i>(&self, keyword: &Keyword<'s>, value: &'i Value, own: &mut Evaluated<'i>) -> Fits<'s, 'i> {
        let allows_none = *keyword.value == Value::Bool(false);
        match (keyword.name, value) {
            ("unevaluatedProperties", Value::Object(properties)) => {
                for (name, value) in properties {
                    if own.has_property(name) {
                    } else if allows_none {
                        return Err(keyword.misfit());
                    } else {
                        self.property(keyword.value, name, value, None)?;
                    }
                }
                own.all_properties();
            }
            ("unevaluatedItems", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    if own.has_item(index) {
                    } else if allows_none {
                        return Err(keyword.misfit());
                    } else {
                        self.item(keyword.value, index, item, None)?;
                    }
                }
                own.all_items();
            }
            _ => {}
        }
        Ok(())
    }

    #[inline(never)]
    fn string<'i>(&self, keyword: &Keyword<'s>, text: &str) -> Fits<'s, 'i> {
        match (keyword.name, keyword.value) {
            ("minLength", limit) => keyword.fits(at_least(text.chars().count(), limit)),
            ("maxLength", limit) => keyword.fits(at_most(text.chars().count(), limit)),
            ("pattern", Value::String(pattern)) => keyword.fits(self.matches(pattern, text)),
            ("contentEncoding", Value::String(encoding)) if encoding == "base64" => {
                keyword.fits(BASE64_STANDARD.decode(text).is_ok())
            }
            ("contentMediaType", Value::String(kind)) if kind == "application/json" => {
                keyword.fits(is_json(text, keyword.beside.get("contentEncoding")))
            }
            _ => Ok(()),
        }
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        self.keywords.pattern(pattern).and_then(|pattern| pattern.matches(text).ok()).unwrap_or_else(|| {
            self.gave_up.set(true);
            false
        })
    }
}

/// The keywords that compare the whole value.
fn is_expected(keyword: &Keyword<'_>, value: &Value) -> bool {
    match (keyword.name, keyword.value) {
        ("enum", Value::Array(all)) => all.iter().any(|one| equal(one, value)),
        ("const", expected) => equal(expected, value),
        (_, types) => is_of_type(types, value),
    }
}

#[inline(never)]
fn object_fits<'s, 'i>(keyword: &Keyword<'s>, properties: &Map<String, Value>) -> Fits<'s, 'i> {
    match keyword.name {
        "required" => has_all(keyword, keyword.value, properties),
        "minProperties" => keyword.fits(at_least(properties.len(), keyword.value)),
        "maxProperties" => keyword.fits(at_most(properties.len(), keyword.value)),
        "dependentRequired" => {
            let members = keyword.value.as_object().into_iter().flatten();
            let mut present = members.filter(|(name, _)| properties.contains_key(*name));
            present.try_for_each(|(_, names)| has_all(keyword, names, properties))
        }
        _ => Ok(()),
    }
}

#[inline(never)]
fn array_fits<'s, 'i>(keyword: &Keyword<'s>, items: &[Value]) -> Fits<'s, 'i> {
    match keyword.name {
        "uniqueItems" => keyword.fits(*keyword.value == Value::Bool(false) || are_unique(items)),
        "minItems" => keyword.fits(at_least(items.len(), keyword.value)),
        "maxItems" => keyword.fits(at_most(items.len(), keyword.value)),
        _ => Ok(()),
    }
}

#[inline(never)]
fn number_fits<'s, 'i>(keyword: &Keyword<'s>, number: &Number) -> Fits<'s, 'i> {
    let Value::Number(expected) = keyword.value else { return Ok(()) };
    let order = || compared(number, expected);
    match keyword.name {
        "minimum" => keyword.fits(order().is_ge()),
        "maximum" => keyword.fits(order().is_le()),
        "exclusiveMinimum" => keyword.fits(order().is_gt()),
        "exclusiveMaximum" => keyword.fits(order().is_lt()),
        "multipleOf" => keyword.fits(is_multiple(number, expected)),
        _ => Ok(()),
    }
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match (name.as_str(), value) {
        (Some("null"), Value::Null)
        | (Some("boolean"), Value::Bool(_))
        | (Some("number"), Value::Number(_))
        | (Some("string"), Value::String(_))
        | (Some("array"), Value::Array(_))
        | (Some("object"), Value::Object(_)) => true,
        (Some("integer"), Value::Number(number)) => is_integer(number),
        _ => false,
    };
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}

fn has_all<'s, 'i>(keyword: &Keyword<'s>, names: &'s Value, properties: &Map<String, Value>) -> Fits<'s, 'i> {
    let is_missing = |name: &&Value| !name.as_str().is_some_and(|name| properties.contains_key(name));
    let missing = names.as_array().into_iter().flatten().find(is_missing);
    missing.map_or(Ok(()), |name| Err(Misfit::here(keyword.name, name)))
}

fn at_least(count: usize, limit: &Value) -> bool {
    limit.as_number().is_some_and(|limit| compared(&Number::from(count), limit).is_ge())
}

fn at_most(count: usize, limit: &Value) -> bool {
    limit.as_number().is_some_and(|limit| compared(&Number::from(count), limit).is_le())
}

/// The text is JSON, or becomes JSON where it is decoded. What cannot be decoded is `contentEncoding`'s matter.
fn is_json(text: &str, encoding: Option<&Value>) -> bool {
    let is_json = |bytes: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    match encoding.and_then(Value::as_str) {
        Some("base64") => BASE64_STANDARD.decode(text).is_ok_and(|bytes| is_json(&bytes)),
        Some(_) => true,
        None => is_json(text.as_bytes()),
    }
}
