//! Wrong input at every endpoint: the answer that the specifications ask for, and a store as it was before.

mod authorize;
mod callback;
mod consent;
mod documents;
mod framing;
mod mcp;
mod registration;
mod row;
mod setting;
mod token;

use crate::row::Row;
use crate::setting::Setting;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_gets_the_error_that_the_specifications_ask_for_and_leaves_the_store_as_it_was() {
    let setting = Setting::start().await;
    let tables: [fn(&Setting) -> Vec<Row>; 8] = [
        token::rows,
        documents::rows,
        registration::rows,
        authorize::rows,
        consent::rows,
        callback::rows,
        mcp::rows,
        framing::rows,
    ];
    let gatehouse = &setting.world.gatehouse;
    let (mut store, mut problems, mut count) = (gatehouse.store().await, Vec::new(), 0);
    for row in tables.iter().flat_map(|table| table(&setting)) {
        count += 1;
        let answer = row.send(&gatehouse.url).await;
        problems.extend(row.problems(&answer, &setting));
        let after = gatehouse.store().await;
        if after != store {
            let differs = |entry: &&(String, Vec<u8>)| !(store.contains(entry) && after.contains(entry));
            let entries = store.iter().chain(&after).filter(differs).map(|(name, _)| name.as_str());
            problems.push(format!("{}: the store changed: {:?}\n", row.name, entries.collect::<Vec<_>>()));
            store = after;
        }
    }
    assert!(problems.is_empty(), "{} problems in {count} rows:\n{}", problems.len(), problems.join("\n"));
    assert_eq!(setting.requests_at_upstream().await, setting.requests_at_upstream, "the upstream was asked");
    // Nothing was used up either: what was presented wrongly is still good for who presents it rightly.
    setting.everything_still_works().await;
    setting.world.gatehouse.stop().await;
}
