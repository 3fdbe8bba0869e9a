//! The artefact stays within its budgets: what it weighs, and what a host does with it at each start and each request.
//!
//! Times are not measured, because no two machines agree on them. Counted is what they follow from: a host instantiates every
//! core instance and gives each memory its first pages, and copies the data into them, for every request.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wasmparser::{Data, Instance, MemoryType, Parser, Payload};

use super::report::Report;
use crate::build;
use crate::toolchain::wasm_opt::WasmOpt;
use crate::workspace::Workspace;

/// The artefacts that are shipped; each has to keep within the budgets.
const ARTEFACTS: [&str; 2] = [SPIN, "target/gatehouse-wasmcloud.wasm"];
/// The one for Spin and the embedded host, which is measured on the latter.
const SPIN: &str = "target/gatehouse.wasm";
/// The size of a page of memory, where the memory does not say another.
const PAGE: u64 = 64 * 1024;

/// What there may be of each. A change that needs more raises the number here, and says why (`docs/decisions/artefact-size.md`).
const BUDGETS: Measures = Measures {
    bytes: 5 * 1024 * 1024 + 512 * 1024,
    core_modules: 9,
    core_instances: 9,
    memories: 3,
    memory_bytes: 3 * 2 * 1024 * 1024,
    data_bytes: 1152 * 1024,
};

/// What is counted of an artefact, its nested components included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Measures {
    /// The file's size.
    bytes: u64,
    /// Core modules: each is compiled once.
    core_modules: u64,
    /// Core instances of modules: each is made for every request.
    core_instances: u64,
    /// Memories that are defined: each is reserved for every request.
    memories: u64,
    /// What these memories hold at the start, in bytes.
    memory_bytes: u64,
    /// What is copied into them at the start, in bytes.
    data_bytes: u64,
}

impl Measures {
    /// The numbers with their names, in words.
    fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("bytes", self.bytes),
            ("core modules", self.core_modules),
            ("core instances", self.core_instances),
            ("memories", self.memories),
            ("bytes of initial memory", self.memory_bytes),
            ("bytes of data", self.data_bytes),
        ]
    }
}

impl fmt::Display for Measures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.named().iter().map(|(name, number)| format!("{number} {name}")).collect();
        formatter.write_str(&numbers.join(", "))
    }
}

/// Builds the artefact, where it is not built yet, and measures it.
pub fn run(workspace: &Workspace) -> Result<Report> {
    build::all(workspace)?;
    report(workspace)
}

/// Measures the artefact as it is.
pub fn report(workspace: &Workspace) -> Result<Report> {
    let (mut summary, mut faults) = (Vec::new(), Vec::new());
    for artefact in ARTEFACTS {
        let measured = of_checkout(workspace.root(), artefact)?;
        faults.extend(over(artefact, &measured, &BUDGETS));
        summary.push(format!("{artefact}: {measured}"));
    }
    if let (false, Err(reason)) = (faults.is_empty(), WasmOpt::ready(workspace)) {
        faults.push(format!("it was not made smaller, because there is no wasm-opt: {reason:#}"));
    }
    Ok(Report { summary: summary.join("; "), faults })
}

/// What is counted of the artefact of a checkout, each number with its name.
pub fn measured(checkout: &Path) -> Result<Vec<(&'static str, u64)>> {
    Ok(of_checkout(checkout, SPIN)?.named().to_vec())
}

fn of_checkout(checkout: &Path, artefact: &str) -> Result<Measures> {
    let file = checkout.join(artefact);
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    measure(&bytes).with_context(|| format!("{} is no component", file.display()))
}

fn over(artefact: &str, measured: &Measures, budgets: &Measures) -> Vec<String> {
    measured
        .named()
        .iter()
        .zip(budgets.named())
        .filter(|((_, number), (_, most))| number > most)
        .map(|((name, number), (_, most))| format!("{artefact} has {number} {name}, and may have {most}"))
        .collect()
}

fn measure(bytes: &[u8]) -> Result<Measures> {
    let mut measures = Measures { bytes: bytes.len().try_into()?, ..Measures::default() };
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } => measures.core_modules += 1,
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { .. } = instance? {
                        measures.core_instances += 1;
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let MemoryType { initial, page_size_log2, .. } = memory?;
                    let page = page_size_log2.map_or(PAGE, |log2| 1 << log2);
                    measures.memories += 1;
                    measures.memory_bytes = measures.memory_bytes.saturating_add(initial.saturating_mul(page));
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let Data { data, .. } = data?;
                    measures.data_bytes += u64::try_from(data.len())?;
                }
            }
            _ => {}
        }
    }
    Ok(measures)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component in a component, with two modules: one of two pages and three bytes of data, and one without memory.
    const NESTED: &str = r#"
        (component
            (component
                (core module $a (memory 2) (data (i32.const 0) "abc"))
                (core instance (instantiate $a))
                (core instance (instantiate $a)))
            (core module $b)
            (core instance (instantiate $b)))"#;

    #[test]
    fn nested_components_are_counted_too() {
        let bytes = wat::parse_str(NESTED).unwrap();
        let expected = Measures {
            bytes: bytes.len() as u64,
            core_modules: 2,
            core_instances: 3,
            memories: 1,
            memory_bytes: 2 * PAGE,
            data_bytes: 3,
        };
        assert_eq!(measure(&bytes).unwrap(), expected);
    }

    #[test]
    fn what_is_over_its_budget_is_told_and_what_is_at_its_budget_is_not() {
        let budgets =
            Measures { bytes: 100, core_modules: 2, core_instances: 3, memories: 1, memory_bytes: PAGE, data_bytes: 3 };
        let measured = Measures { bytes: 101, memory_bytes: 2 * PAGE, ..budgets };
        let expected = [
            "target/gatehouse.wasm has 101 bytes, and may have 100",
            "target/gatehouse.wasm has 131072 bytes of initial memory, and may have 65536",
        ];
        assert_eq!(over(SPIN, &measured, &budgets), expected);
        assert_eq!(over(SPIN, &budgets, &budgets), Vec::<String>::new());
    }
}
