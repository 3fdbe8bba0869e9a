//! Several cases turn by turn, of which only the ratio to the first one counts.

use std::time::Duration;

use serde_json::{Value, json};

use super::load::Target;
use super::setup::Setup;
use super::statistics::{Ratio, median};

/// How many ask at once.
const CONNECTIONS: usize = 8;
const TURN: Duration = Duration::from_millis(250);
/// How often it is each case's turn.
const TURNS: usize = 16;

/// Measures the targets, each with its name; the rate of each, and its ratio to the first.
pub(super) async fn compare(setup: &Setup, targets: &[(String, Target)]) -> Vec<Value> {
    for (_, target) in targets {
        target.turn(CONNECTIONS, 2 * TURN).await;
    }
    let mut rates = vec![Vec::new(); targets.len()];
    for _ in 0..setup.turns.unwrap_or(TURNS).min(TURNS) {
        for ((_, target), rates) in targets.iter().zip(&mut rates) {
            rates.push(target.turn(CONNECTIONS, TURN).await.per_second());
        }
    }
    let one = |((name, _), own): (&(String, Target), &Vec<f64>)| {
        let ratio = Ratio::of(own, &rates[0]);
        json!({ "name": name, "per_second": median(own), "ratio": ratio.median, "half_width": ratio.half_width })
    };
    targets.iter().zip(&rates).map(one).collect()
}
