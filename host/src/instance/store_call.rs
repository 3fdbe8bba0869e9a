//! A call of the store by a guest: how long it takes, and what the operator hears of it.

use std::sync::Arc;

use gatehouse_telemetry::{Moment, StoreCall};

use super::grants::Grants;
use crate::key_value::KeyValueError;
use crate::log::{Level, LogRecord, RequestId};

/// A call of the store that has begun.
pub(super) struct StoreCallInProgress {
    grants: Arc<Grants>,
    request: RequestId,
    operation: &'static str,
    system: &'static str,
    /// `None` where nothing is measured.
    began: Option<Moment>,
}

impl StoreCallInProgress {
    pub(super) fn begin(
        grants: &Arc<Grants>,
        request: RequestId,
        operation: &'static str,
        system: &'static str,
    ) -> Self {
        let began = grants.measuring.as_ref().map(|measuring| measuring.now());
        Self { grants: Arc::clone(grants), request, operation, system, began }
    }

    /// It has ended. What the guest is told of an error is less than what goes to the log.
    pub(super) fn ended<T, E: From<KeyValueError>>(self, result: Result<T, KeyValueError>) -> Result<T, E> {
        let Self { grants, request, operation, system, began } = self;
        if let (Some(measuring), Some(began)) = (&grants.measuring, began) {
            let error = result.as_ref().err().map(KeyValueError::word);
            let call = StoreCall { system, operation, began, ended: measuring.now(), error };
            measuring.store_called(request.into(), &call);
        }
        result.map_err(|error| {
            if !error.is_of_guest() {
                let record = LogRecord::about(request, Level::Error, Some(&grants.component), error.to_string());
                grants.log.record(&record);
            }
            error.into()
        })
    }
}
