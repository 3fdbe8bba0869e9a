//! The rows of the table.

use gatehouse_tests::CLIENT_SECRET;

use super::row::{Gone, Leaving, PLAIN_SECRET, Provider, Refresh};

const fn leaving(line: &'static str, name: &'static str, session: Gone) -> Leaving {
    Leaving { line, name, session }
}

const OPENID: &str = r#"scopes = ["openid"]"#;
const OFFLINE: &str = r#"scopes = ["openid", "profile", "offline_access"]"#;
const OFFLINE_WITH_CONSENT: &str =
    "scopes = [\"openid\", \"offline_access\"]\nauthorization_parameters = { prompt = \"consent\" }";

pub(crate) static PROVIDERS: [Provider; 10] = [
    Provider {
        name: "oidc-provider",
        program: "oidc_provider.mjs",
        needs: None,
        secret: Some(CLIENT_SECRET),
        lines: OFFLINE_WITH_CONSENT,
        token_seconds: 3600,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "`findAccount` finds nobody", Gone::Ends)],
        to_set: "here `offline_access` and `prompt=consent`; there the grant `refresh_token`",
        remarks: "everything else with its defaults. Without `prompt=consent` it leaves `offline_access` out",
    },
    Provider {
        name: "django-oauth-toolkit",
        program: "django_oauth_toolkit.py",
        needs: None,
        secret: Some(CLIENT_SECRET),
        lines: OPENID,
        token_seconds: 120,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "`is_active` off", Gone::GoesOn), leaving("delete", "deleted", Gone::Ends)],
        to_set: "here only scopes that are in its `SCOPES`; there `OIDC_ENABLED`, an RSA key, and RS256 as the application's algorithm",
        remarks: "it refreshes for users who are not active; delete the user, or their tokens",
    },
    Provider {
        name: "canaille",
        program: "canaille_provider.py",
        needs: None,
        secret: Some(CLIENT_SECRET),
        lines: OPENID,
        token_seconds: 3600,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "locked", Gone::Ends)],
        to_set: "there `SERVER_NAME`, the grant `refresh_token`, and `OAUTH2_TOKEN_EXPIRES_IN` below the session's length: the default is ten days",
        remarks: "signs with RS512 where the client names no algorithm",
    },
    Provider {
        name: "Authlib",
        program: "authlib_provider.py",
        needs: None,
        secret: Some(CLIENT_SECRET),
        lines: OPENID,
        token_seconds: 3600,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "`authenticate_user` finds nobody", Gone::Ends)],
        to_set: "there `OAUTH2_REFRESH_TOKEN_GENERATOR`, and `OAUTH2_TOKEN_EXPIRES_IN` below the session's length: the default is ten days",
        remarks: "a provider of ours on the library",
    },
    Provider {
        name: "oidc-provider-mock",
        program: "oidc_provider_mock_server.py",
        needs: None,
        secret: Some(CLIENT_SECRET),
        lines: OPENID,
        token_seconds: 3600,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "their tokens are revoked", Gone::Ends)],
        to_set: "here only the scopes that it knows: `offline_access` is none",
        remarks: "for development: anybody signs in as anybody",
    },
    Provider {
        name: "idpyoidc",
        program: "idpyoidc_provider.py",
        needs: None,
        secret: Some(PLAIN_SECRET),
        lines: OFFLINE_WITH_CONSENT,
        token_seconds: 120,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "their sessions are revoked", Gone::Ends)],
        to_set: "here `offline_access` and `prompt=consent`; there keys for its tokens (`token_handler_args`), PKCE as an add-on, and a secret of letters and digits",
        remarks: "it does not decode `client_secret_basic` (RFC 6749, section 2.3.1)",
    },
    Provider {
        name: "better-auth, `oidc-provider`",
        program: "better_auth_oidc.mjs",
        needs: None,
        secret: Some(CLIENT_SECRET),
        lines: OFFLINE,
        token_seconds: 120,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "banned", Gone::GoesOn), leaving("delete", "deleted", Gone::GoesOn)],
        to_set: "here `offline_access`, and `metadata_url = \"ISSUER/api/auth/.well-known/openid-configuration\"`; there the plugin `jwt` with `useJWTPlugin`",
        remarks: "it refreshes without a look at the user: a user is out where the database deletes the tokens with the user",
    },
    Provider {
        name: "better-auth, `@better-auth/oauth-provider`",
        program: "better_auth_oauth.mjs",
        needs: None,
        secret: Some(CLIENT_SECRET),
        lines: OFFLINE,
        token_seconds: 120,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "banned", Gone::GoesOn), leaving("delete", "deleted", Gone::Ends)],
        to_set: "here `offline_access`, and the issuer with `/api/auth`; there the plugin `jwt`, and for a trial on `http://127.0.0.1` a client of the type `native`",
        remarks: "it refreshes for users who are banned",
    },
    Provider {
        name: "oauth2-mock-server",
        program: "oauth2_mock_server.mjs",
        needs: None,
        secret: None,
        lines: OPENID,
        token_seconds: 3600,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "it is told to refuse", Gone::Ends)],
        to_set: "here no `client_secret`: it lists `none` alone",
        remarks: "for development: it signs `johndoe` in, and asks nobody",
    },
    Provider {
        name: "glewlwyd",
        program: "glewlwyd.py",
        needs: Some("target/glewlwyd/root/usr/bin/glewlwyd"),
        secret: Some(PLAIN_SECRET),
        lines: OPENID,
        token_seconds: 3600,
        refresh: Refresh::Works,
        leaving: &[leaving("lock", "disabled", Gone::GoesOn), leaving("delete", "deleted", Gone::Ends)],
        to_set: "here only scopes that the user has there; there PKCE (`pkce-allowed`), an RSA key, the grant `refresh_token`, and a secret of letters and digits",
        remarks: "it refreshes for users who are disabled, and does not decode `client_secret_basic`. Its pages need a script",
    },
];
