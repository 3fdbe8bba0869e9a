//! What there is to say: one struct, so that the compiler finds what a language lacks.

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(crate) struct Texts {
            $($(#[$doc])* pub(crate) $name: &'static str,)*
        }

        #[cfg(test)]
        impl Texts {
            /// Every text, with its name.
            pub(super) fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

texts! {
    // What several pages say.
    contact,
    privacy,
    try_again,
    cancel,
    /// `{number}`: the id of the request.
    reference,
    /// What somebody does who came from an application.
    go_back,
    /// `{client}` or the host of its redirect URI.
    back_to,

    // The choice of an identity provider.
    choose_title,
    /// `{client}`, `{server}`.
    choose_text,

    // The question whether a client may come in.
    /// Of the window. `{client}`.
    consent_title,
    /// `{client}`, `{server}`.
    consent_question,
    consent_scopes,
    consent_resource,
    consent_described_by,
    consent_answer,
    /// `{scheme}`: a private-use scheme.
    consent_answer_to_program,
    /// `{host}`.
    consent_answer_here,
    consent_provider,
    /// `{client}`.
    consent_note_program,
    /// `{client}`.
    consent_note_unchecked,
    /// `{client}`, `{host}`: of the client's document.
    consent_note_host,
    /// `{host}`.
    consent_trust,
    /// `{host}`, `{other}`: the host of the redirect URI.
    consent_trust_both,
    consent_remember,
    consent_remember_hint,
    consent_for_everybody,
    consent_for_everybody_hint,
    consent_allow,
    consent_deny,
    /// `{link}`: to the sessions page.
    consent_take_back,

    // The user signed in, and may not come in.
    denied_title,
    /// `{provider}`.
    denied_provider,
    denied_tenant,
    denied_user,
    denied_domain,
    denied_domain_unverified,
    denied_role,
    denied_group,
    denied_unknown,
    denied_too_many,
    another_account,

    // The sessions page, and the way to it.
    sign_in_title,
    sign_in_lost,
    sign_in_text,
    /// `{provider}`.
    sign_in_with,
    sessions_title,
    /// `{user}`, `{provider}`.
    sessions_user,
    sessions_none,
    sessions_one,
    /// `{count}`.
    sessions_many,
    /// `{shown}`, `{total}`.
    sessions_newest,
    /// `{server}`.
    sessions_server,
    sessions_scopes,
    sessions_browser,
    /// `{browser}`, `{system}`.
    sessions_browser_on,
    sessions_browser_unknown,
    sessions_this_browser,
    sessions_first_use,
    sessions_last_use,
    sessions_end,
    /// `{time}`: how long an access token is good for.
    sessions_last_use_note,
    sessions_end_one,
    /// For those who hear the page: [`Texts::sessions_end_one`] with `{client}` and `{time}`.
    sessions_end_one_label,
    sessions_consents,
    /// `{host}`, `{server}`.
    sessions_consent_place,
    sessions_consent_given,
    sessions_ask_again,
    /// For those who hear the page: [`Texts::sessions_ask_again`] with `{client}` and `{time}`.
    sessions_ask_again_label,
    sign_out,
    sign_out_everywhere,

    // What an administrator has allowed for everybody.
    consents_title,
    /// `{provider}`.
    consents_text,
    /// `{provider}`.
    consents_none,
    consents_client_id,
    consents_given_by,
    consents_take_back,
    /// For those who hear the page: [`Texts::consents_take_back`] with `{client}` and `{time}`.
    consents_take_back_label,
    consents_take_back_note,
    consents_no_administrator,

    // The accounts that a user has linked to APIs of others.
    connections_title,
    connections_text,
    connections_none,
    connections_sign_in_title,
    connections_sign_in_text,
    connections_linked,
    connections_not_linked,
    /// Of a connection that an administrator links.
    connections_shared,
    connections_linked_by,
    connections_scopes,
    connections_link,
    /// For those who hear the page: [`Texts::connections_link`] with `{connection}`.
    connections_link_label,
    connections_renew,
    /// For those who hear the page: [`Texts::connections_renew`] with `{connection}`.
    connections_renew_label,
    connections_remove,
    /// For those who hear the page: [`Texts::connections_remove`] with `{connection}`.
    connections_remove_label,
    connections_note,
    connections_not_made_title,
    connections_not_made,
    connections_refused,
    // The administrator's page.
    admin_title,
    /// `{user}`.
    admin_user,
    admin_done,
    admin_nothing,
    admin_answer,
    admin_sessions,
    admin_subject,
    admin_sessions_find,
    /// `{user}`, `{count}`.
    admin_sessions_of,
    admin_sessions_end,
    admin_clients,
    /// `{used}`, `{before}`, `{unused}`, `{documents}`.
    admin_clients_counts,
    /// The same, where there may be more.
    admin_clients_counts_cut,
    admin_client_find,
    admin_client_configured,
    admin_client_document,
    admin_client_unused,
    /// `{from}`, `{until}`.
    admin_client_used,
    admin_client_remove,
    admin_client_remove_note,
    admin_keys,
    admin_keys_none,
    admin_key_renew,
    /// For those who hear the page: [`Texts::admin_key_renew`] with `{path}`.
    admin_key_renew_label,
    admin_key_note,
    /// With `{count}`.
    admin_links_count,
    /// The same where not all entries were counted.
    admin_links_count_cut,
    admin_environments,
    admin_environments_note,
    /// `{count}`, `{most}`.
    admin_environments_count,
    admin_environments_older,
    /// For those who hear the page: [`Texts::admin_environments_older`] with `{path}`.
    admin_environments_older_label,
    admin_environment_launched,
    admin_environment_runs,
    /// Of the environment, in the sandbox's log.
    admin_environment_name,
    admin_environment_running,
    admin_environment_end,
    /// For those who hear the page: [`Texts::admin_environment_end`] with `{client}`, whose it is, and `{time}`.
    admin_environment_end_label,
    admin_health,
    admin_health_answers,
    admin_health_silent,
    admin_health_unknown,
    admin_open,
    /// `{count}`.
    admin_open_all,
    /// `{streams}`, `{calls}`.
    admin_open_at,
    /// `{streams}`, `{calls}`, `{rates}`.
    admin_open_at_rates,
    admin_ask,
    admin_ask_route,
    admin_ask_subject,
    admin_ask_client,
    admin_ask_scopes,
    admin_ask_groups,
    admin_ask_roles,
    admin_ask_tenant,
    admin_ask_tool,
    admin_ask_resource,
    admin_ask_prompt,
    admin_ask_method,
    admin_ask_name,
    admin_configuration,
    admin_configuration_note,

    // The end of all sessions, and of the stay on the page.
    confirm_title,
    confirm_text,
    confirm_button,
    signed_out_title,
    signed_out_text,
    signed_out_everywhere_title,
    signed_out_everywhere_text,
    signed_out_everywhere_streams,
    signed_out_everywhere_at_expiry,
    signed_out_provider,

    // The page for an access token by hand, and the token.
    token_page_title,
    /// `{time}`: how long the token is good for.
    token_page_text,
    /// Above the scopes that may be picked.
    token_page_further,
    token_page_note,
    token_title,
    /// `{server}`, `{time}`.
    token_text,
    token_label,
    token_header,
    /// `{link}`: to the sessions page.
    token_end,

    // The sign-in of a browser.
    browser_signed_in_title,
    browser_continue,
    browser_sign_out_title,
    browser_sign_out_text,

    // The page at `/`.
    home_title,
    home_text,

    // What went wrong.
    error_not_found_title,
    error_not_found,
    error_out_of_order_title,
    error_out_of_order,
    error_wait_title,
    error_wait_unreachable,
    error_wait_busy,
    error_wait_hour,
    error_too_many_title,
    error_too_many,
    error_too_many_links_title,
    error_network_title,
    error_network,
    error_too_many_from_there_title,
    error_withdrawn_provider_title,
    error_withdrawn_provider,
    error_link_title,
    error_unknown_client,
    error_redirect_uri,
    error_withdrawn_resource,
    error_incomplete,
    error_developers,
    /// `{client}`.
    error_rejected_request,
    /// `{client}`.
    error_rejected_scope,
    /// `{client}`.
    error_rejected_resource,
    /// `{client}`.
    error_rejected_client,
    /// `{host}`.
    error_rejected_back,
    error_form_title,
    error_form,
    error_unreadable_title,
    error_unreadable,
    error_answered_title,
    error_answered,
    error_refused_title,
    error_refused,
    error_not_completed_title,
    error_not_completed,

    // Points in time, and how far away they are.
    /// Twelve, with a space between them.
    time_months,
    /// `{day}`, `{month}`, `{year}`, `{time}`.
    time_point,
    time_unknown,
    /// One minute, some minutes, one hour, some hours, one day, some days, with `|` between them; each with `{count}`. What
    /// follows puts them into a sentence as they are.
    time_units,
    time_now,
    /// `{time}`.
    time_ago,
    /// `{time}`.
    time_ahead,
}
