//! What Gatehouse costs; `cargo xtask bench` runs it.

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(gatehouse_tests::performance::run());
}
