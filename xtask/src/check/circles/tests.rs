use super::*;
use crate::check::example;

/// The circles of a crate with these files below `src/`.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let folder = example::folder(files);
    let source = Crate::read(&folder.path().join("lib.rs")).unwrap();
    let shown = |file: &std::path::Path| file.strip_prefix(folder.path()).unwrap().display().to_string();
    references::graph(&source, shown).circles().iter().map(ToString::to_string).collect()
}

#[test]
fn two_modules_that_use_each_other_are_a_circle_with_the_lines() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a.rs", "use crate::b::Other;\npub struct Thing(Other);\n"),
        ("b.rs", "pub struct Other;\n\nfn of(_: &super::a::Thing) {}\n"),
    ]);
    assert_eq!(found, ["a circle of 2\n    a.rs:1 -> b.rs:3 -> a.rs"]);
}

#[test]
fn modules_that_use_each_other_in_one_direction_are_none() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;\npub use a::Thing;\n"),
        ("a.rs", "use crate::{b::Other, c};\npub struct Thing(Other, c::Third);\n"),
        ("b.rs", "use crate::c::Third;\npub struct Other(Third);\n"),
        ("c.rs", "pub struct Third;\n"),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn who_names_a_re_export_depends_on_the_file_behind_it() {
    let files = |c: &'static str| {
        [
            ("lib.rs", "mod a;\nmod b;\npub use b::*;\n"),
            ("a.rs", "pub use inner::Deep;\nmod inner;\n"),
            ("a/inner.rs", "use crate::Other;\npub struct Deep(Other);\n"),
            ("b.rs", c),
        ]
    };
    assert_eq!(circles(&files("pub struct Other;\n")), Vec::<String>::new());
    let expected = ["a circle of 2\n    a/inner.rs:1 -> b.rs:1 -> a/inner.rs"];
    assert_eq!(circles(&files("pub struct Other; type Same = crate::a::Deep;\n")), expected);
}

#[test]
fn a_parent_may_use_its_children_or_they_their_parent_and_not_both() {
    let child = ("a.rs", "use super::Mine;\npub fn take(_: Mine) {}\n");
    assert_eq!(circles(&[("lib.rs", "mod a;\npub use a::take;\npub struct Mine;\n"), child]), Vec::<String>::new());
    let parent = "mod a;\npub use a::take;\npub struct Mine;\nfn give() { take(Mine) }\n";
    assert_eq!(circles(&[("lib.rs", parent), child]), ["a circle of 2\n    a.rs:1 -> lib.rs:4 -> a.rs"]);
}

#[test]
fn paths_in_macro_calls_and_attributes_count_and_fields_and_other_crates_do_not() {
    let files = |a: &'static str| {
        [("lib.rs", "mod a;\nmod b;\n"), ("a.rs", a), ("b.rs", "use crate::a::X;\npub fn f(_: X) {}\n")]
    };
    let expected = ["a circle of 2\n    a.rs:2 -> b.rs:1 -> a.rs"];
    assert_eq!(circles(&files("pub struct X;\nfn g() { vec![crate::b::f(X)]; }\n")), expected);
    assert_eq!(circles(&files("pub struct X {\n#[serde(with = \"crate::b\")]\nx: u8 }\n")), expected);
    assert_eq!(circles(&files("use super::b;\npub struct X; fn g() { b::f(X) }\n")), expected);
    assert_eq!(circles(&files("pub struct X;\nfn g(b: X) { vec![b.f(), ::b::f(X)]; }\n")), Vec::<String>::new());
}

#[test]
fn tests_may_look_at_everything() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod example;\n"),
        (
            "a.rs",
            "pub struct X;\n#[cfg(all(test, unix))]\nmod tests { use crate::b::Y; }\nimpl X { #[cfg(test)]\n fn y() -> crate::b::Y { todo!() } }\n",
        ),
        ("b.rs", "use crate::a::X;\npub struct Y(X);\n"),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_large_knot_is_told_once_with_a_chain_through_each_file() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
        ("a.rs", "use crate::b::B;\nuse crate::c::C;\npub struct A(B, C);\n"),
        ("b.rs", "use crate::a::A;\npub struct B(A);\n"),
        ("c.rs", "use crate::a::A;\npub struct C(A);\n"),
    ]);
    assert_eq!(found, ["a circle of 3\n    a.rs:1 -> b.rs:1 -> a.rs\n    c.rs:1 -> a.rs:2 -> c.rs"]);
}

#[test]
fn crates_in_a_circle_are_told() {
    let mut graph = Graph::default();
    graph.add("one", "other", None);
    graph.add("other", "one", None);
    assert_eq!(
        graph.circles().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a circle of 2\n    one -> other -> one"]
    );
}
