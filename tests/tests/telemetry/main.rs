//! What `gatehouse up` measures: real requests through the artefact, read as Prometheus and as a receiver of OTLP read it, and by
//! their own programs; and what the artefact with telemetry tells on wash and Spin.

mod attacks;
mod dashboard;
mod documents;
mod grpc;
mod metrics;
mod otlp;
mod prometheus;
mod scene;
mod wasi_otel;
