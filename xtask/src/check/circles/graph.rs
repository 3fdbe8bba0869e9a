//! Who depends on whom, and the circles in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

/// Dependencies between things with names. Adding one a second time keeps the first place.
#[derive(Default)]
pub struct Graph {
    /// By the one who depends, then by whom on; with the line, where there is one.
    edges: BTreeMap<String, BTreeMap<String, Option<usize>>>,
}

impl Graph {
    /// Notes that `from` depends on `to` by its line `line`. Nothing depends on itself.
    pub fn add(&mut self, from: &str, to: &str, line: Option<usize>) {
        if from != to {
            self.edges.entry(from.to_owned()).or_default().entry(to.to_owned()).or_insert(line);
        }
    }

    /// The knots: each as a set in which everything depends on everything else, told as the shortest chains through all of it.
    pub fn circles(&self) -> Vec<Circle> {
        let mut graph = DiGraphMap::<&str, ()>::new();
        for (from, to) in self.edges.iter().flat_map(|(from, all)| all.keys().map(move |to| (from, to))) {
            graph.add_edge(from, to, ());
        }
        let knots = tarjan_scc(&graph).into_iter().filter(|knot| knot.len() > 1);
        let mut circles: Vec<Circle> = knots.map(|knot| self.circle(&knot.into_iter().collect())).collect();
        circles.sort_by(|one, other| one.chains.cmp(&other.chains));
        circles
    }

    fn circle(&self, knot: &BTreeSet<&str>) -> Circle {
        let mut shown = BTreeSet::new();
        let mut chains = Vec::new();
        let mut through: Vec<Vec<&str>> = knot.iter().map(|one| self.shortest(one, knot)).collect();
        through.sort_by_key(Vec::len);
        for chain in through {
            if chain.iter().any(|one| !shown.contains(one)) {
                shown.extend(chain.iter().copied());
                chains.push(self.shown(&chain));
            }
        }
        Circle { members: knot.len(), chains }
    }

    /// The shortest way from `start` back to it inside the knot, without the return to `start` at its end.
    fn shortest<'a>(&'a self, start: &'a str, knot: &BTreeSet<&'a str>) -> Vec<&'a str> {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for to in self.edges.get(at).into_iter().flat_map(BTreeMap::keys).map(String::as_str) {
                if to == start {
                    let mut chain = vec![at];
                    while let Some(earlier) = chain.last().and_then(|last| before.get(last)) {
                        chain.push(earlier);
                    }
                    chain.reverse();
                    return chain;
                }
                if knot.contains(to) && !before.contains_key(to) {
                    before.insert(to, at);
                    queue.push_back(to);
                }
            }
        }
        vec![start]
    }

    fn shown(&self, chain: &[&str]) -> String {
        let next = chain.iter().skip(1).chain(chain.first());
        let mut text = String::new();
        for (from, to) in chain.iter().zip(next) {
            let line = self.edges.get(*from).and_then(|all| all.get(*to)).copied().flatten();
            text.push_str(from);
            text.push_str(&line.map_or_else(String::new, |line| format!(":{line}")));
            text.push_str(" -> ");
        }
        text.push_str(chain.first().unwrap_or(&""));
        text
    }
}

/// A knot. It is shown with one chain a line: `file:line -> file:line -> file`, where each line is the one that names the next.
pub struct Circle {
    members: usize,
    chains: Vec<String>,
}

impl fmt::Display for Circle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a circle of {}", self.members)?;
        self.chains.iter().try_for_each(|chain| write!(formatter, "\n    {chain}"))
    }
}
