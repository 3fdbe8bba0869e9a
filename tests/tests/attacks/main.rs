//! What attackers do, over HTTP. Each test names its attack, shows that it is refused, and that the store is as it was.
//! `CVE-…`, `GHSA-…` and `owner/repository#…` are flaws of others that it would have shown.

mod account;
mod answers;
mod begun;
mod bit_flips;
mod bypass;
mod clients;
mod consent;
mod document_fetches;
mod document_site;
mod documents;
mod entra;
mod external_tokens;
mod headers;
mod id_tokens;
mod instances;
mod key_rotation;
mod leaving;
mod machines;
mod markup;
mod mix_up;
mod own_origin;
mod parties;
mod pkce;
mod providers;
mod redirects;
mod registration;
mod remembered;
mod revocation;
mod rows;
mod sign_in;
mod states;
mod store;
mod token_page;
mod tokens;
mod workloads;
