//! Which methods are requests, and which are notifications.

use crate::json_rpc::{Call, Unparsable};

/// Every request that a version of MCP knows, 2024-11-05 to 2026-07-28, in either direction.
const REQUESTS: [&str; 23] = [
    "completion/complete",
    "elicitation/create",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "roots/list",
    "sampling/createMessage",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    // Of the extension for tasks (SEP-2663).
    "tasks/update",
    "tools/call",
    "tools/list",
];

/// What the name of every notification begins with.
const NOTIFICATION: &str = "notifications/";

/// The names of all requests that a version of MCP knows.
pub fn requests() -> impl Iterator<Item = &'static str> {
    REQUESTS.into_iter()
}

/// Whether a version of MCP has a request of this name.
pub fn is_request(method: &str) -> bool {
    REQUESTS.contains(&method)
}

/// Whether the name is one of a notification.
pub fn is_notification(method: &str) -> bool {
    method.starts_with(NOTIFICATION)
}

/// Whether a forgiving server could take `method` for a request that it is not by its letters: in another case, with white
/// space or control characters anywhere, or with slashes around it.
pub fn is_misspelt_request(method: &str) -> bool {
    let bare = bare(method);
    REQUESTS.iter().any(|known| known.eq_ignore_ascii_case(&bare) && *known != method)
}

/// Whether a forgiving server could take `method` for a notification that it is not by its letters.
fn is_misspelt_notification(method: &str) -> bool {
    let bare = bare(method);
    let begins = bare.get(..NOTIFICATION.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(NOTIFICATION));
    begins && !is_notification(method)
}

/// What is left of a method when a reader is at its most forgiving, but for its case.
fn bare(method: &str) -> String {
    let letters = method.chars().filter(|character| !character.is_whitespace() && !character.is_control());
    letters.collect::<String>().trim_matches('/').to_owned()
}

impl Call {
    /// Whether it has an id where its method wants an answer, and none where it does not (JSON-RPC 2.0, section 4.1; MCP,
    /// "Requests", "Notifications"). A server may well do what a notification says: it must not be a way round what is
    /// decided about requests. Of a method that nobody knows, the id alone says what it is.
    ///
    /// # Errors
    /// [`Unparsable::NotJsonRpc`].
    pub fn check_id(&self) -> Result<(), Unparsable> {
        let method = self.method.as_str();
        match &self.id {
            None if is_request(method) || is_misspelt_request(method) => {
                Err(Unparsable::NotJsonRpc("it is a request without an id"))
            }
            Some(_) if is_notification(method) || is_misspelt_notification(method) => {
                Err(Unparsable::NotJsonRpc("it is a notification with an id"))
            }
            // Where no id and an empty one are the same, it would be a notification.
            Some(id) if id.is_empty() => Err(Unparsable::NotJsonRpc("its id is empty")),
            None | Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json_rpc::{Body, Id, Message};

    #[test]
    fn a_request_has_an_id_and_a_notification_has_none() {
        for method in REQUESTS {
            assert_eq!(Call::request(1.into(), method, None).check_id(), Ok(()), "{method}");
            assert_eq!(Call::request(0.into(), method, None).check_id(), Ok(()), "{method}");
            assert!(Call::request("".into(), method, None).check_id().is_err(), "{method}");
            let upper = method.to_ascii_uppercase();
            for other in [
                method,
                &upper,
                &format!(" {method}"),
                &format!("{method}\0"),
                &format!("/{method}/"),
                &format!("\t{method}\u{a0}/\n"),
            ] {
                assert!(Call::notification(other, None).check_id().is_err(), "{other:?}");
            }
        }
        for method in ["notifications/cancelled", "notifications/initialized", "notifications/of/nobody"] {
            assert_eq!(Call::notification(method, None).check_id(), Ok(()), "{method}");
            assert!(Call::request(1.into(), method, None).check_id().is_err(), "{method}");
            assert!(Call::request(1.into(), &method.to_uppercase(), None).check_id().is_err(), "{method}");
        }
        assert!(Call::notification("tools\0/ call", None).check_id().is_err());
        for method in ["extension/do", "", "notifications", "tools"] {
            assert_eq!(Call::notification(method, None).check_id(), Ok(()), "{method}");
            assert_eq!(Call::request(1.into(), method, None).check_id(), Ok(()), "{method}");
        }
    }

    fn any_method() -> impl Strategy<Value = String> {
        let known = proptest::sample::select(REQUESTS.to_vec()).prop_map(str::to_owned);
        let spelled = (known, proptest::collection::vec(any::<bool>(), 32), "[ \t\0/\n]{0,2}", "[ \t\0/\n]{0,2}")
            .prop_map(|(method, upper, before, after)| {
                let letters = method.chars().zip(upper);
                let method: String =
                    letters.map(|(letter, upper)| if upper { letter.to_ascii_uppercase() } else { letter }).collect();
                format!("{before}{method}{after}")
            });
        prop_oneof![spelled, "notifications/[a-z]{0,8}", "[a-z]{1,6}/[a-zA-Z]{1,6}", "\\PC{0,12}"]
    }

    proptest! {
        /// Whatever stands where its id should be, what could be a request never passes for a notification.
        #[test]
        fn no_message_that_could_be_a_request_passes_for_a_notification(
            method in any_method(),
            id in proptest::sample::select(vec!["", "\"id\":null,", "\"id\":1.5,", "\"id\":\"\",", "\"id\":{},", "\"id\":[1],", "\"id\":true,", "\"ID\":1,"]),
        ) {
            let text = format!(r#"{{"jsonrpc":"2.0",{id}"method":{}}}"#, serde_json::Value::from(method.as_str()));
            let bare = method.replace([' ', '\t', '\0', '\n'], "");
            let bare = bare.trim_matches('/');
            let could_be_a_request = REQUESTS.iter().any(|known| known.eq_ignore_ascii_case(bare));
            if let Ok(Body::Single(message)) = Body::parse(text.as_bytes(), 64)
                && message.call().is_some_and(|call| call.check_id().is_ok())
            {
                prop_assert!(matches!(message, Message::Notification(_)) && !could_be_a_request, "{}", text);
            }
        }

        #[test]
        fn what_has_an_id_is_no_notification(method in any_method(), id in 0_i64..3) {
            let call = Call::request(Id::from(id), &method, None);
            prop_assert!(call.check_id().is_err() || !method.to_lowercase().starts_with(NOTIFICATION));
        }
    }
}
