//! What `gatehouse up` measures: real requests through the artefact, read as Prometheus and as a receiver of OTLP read it, and by
//! their own programs.

mod attacks;
mod dashboard;
mod documents;
mod metrics;
mod otlp;
mod prometheus;
mod scene;
