use gatehouse_jose::TokenRejection as SignedTokenRejection;
use gatehouse_protocol::{InvalidSubject, LogText};
use http::StatusCode;

use super::*;
use crate::{AnswerRejection, GroupsUnknown, UserRejection};

#[test]
fn a_broken_or_overloaded_provider_is_temporary_and_everything_else_is_not() {
    for (status, told) in [
        (StatusCode::BAD_GATEWAY, ClientError::TemporarilyUnavailable),
        (StatusCode::TOO_MANY_REQUESTS, ClientError::TemporarilyUnavailable),
        (StatusCode::NOT_FOUND, ClientError::ServerError),
        (StatusCode::FOUND, ClientError::ServerError),
    ] {
        let answer = AnswerRejection::Status(status);
        assert_eq!(LoginRejection::from(MetadataRejection::from(answer.clone())).to_wire(), told);
        assert_eq!(LoginRejection::from(KeysRejection::from(answer.clone())).to_wire(), told);
        assert_eq!(LoginRejection::from(TokenRejection::from(answer)).to_wire(), told);
    }
}

#[test]
fn the_client_learns_nothing_of_a_failed_check() {
    for rejection in [
        LoginRejection::from(IdTokenRejection::NonceDiffers),
        IdTokenRejection::from(SignedTokenRejection::BadSignature).into(),
        IdTokenRejection::from(UserRejection::Subject(InvalidSubject)).into(),
        CallbackRejection::IssuerMissing.into(),
        MetadataRejection::NoUsableAlgorithm { listed: LogText::new("HS256") }.into(),
        ClientAuthenticationRejection::NoSecrets.into(),
        AssertionRejection::NotAJwt.into(),
    ] {
        assert_eq!(rejection.to_wire(), ClientError::ServerError);
    }
    assert_eq!(LoginRejection::from(ProviderRefusal::UserDenied).to_wire(), ClientError::AccessDenied);
}

#[test]
fn a_user_who_may_not_come_in_is_denied_and_a_lookup_that_failed_may_pass() {
    for (rejection, told) in [
        (AccessRejection::Role, ClientError::AccessDenied),
        (GroupsUnknown::NotPermitted(StatusCode::FORBIDDEN).into(), ClientError::AccessDenied),
        (GroupsUnknown::NoAnswer("timed out".to_owned()).into(), ClientError::TemporarilyUnavailable),
        (
            GroupsUnknown::from(AnswerRejection::Status(StatusCode::BAD_GATEWAY)).into(),
            ClientError::TemporarilyUnavailable,
        ),
    ] {
        assert_eq!(LoginRejection::from(rejection).to_wire(), told);
    }
}

/// RFC 6749, section 4.1.2.1: the characters of `error` and `error_description`.
#[test]
fn codes_and_descriptions_can_stand_on_the_wire() {
    for error in [ClientError::AccessDenied, ClientError::ServerError, ClientError::TemporarilyUnavailable] {
        let allowed = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(error.code().bytes().chain(error.description().bytes()).all(allowed));
    }
}

#[test]
fn the_log_reads_as_a_sentence() {
    for (rejection, text) in [
        (
            LoginRejection::from(MetadataRejection::from(AnswerRejection::Status(StatusCode::NOT_FOUND))),
            "identity provider: the metadata endpoint answered with status 404 Not Found: issuer is wrong, or the provider has its metadata elsewhere, which metadata_url can say",
        ),
        (IdTokenRejection::NonceDiffers.into(), "identity provider: the id_token belongs to another login (nonce)"),
    ] {
        assert_eq!(rejection.to_string(), text);
    }
}
