//! What attackers do, over HTTP. Each test names its attack, shows that it is refused, and that the store is as it was.
//! `CVE-…`, `GHSA-…` and `owner/repository#…` are flaws of others that it would have shown.

mod answers;
mod bit_flips;
mod consent;
mod documents;
mod headers;
mod id_tokens;
mod instances;
mod markup;
mod mix_up;
mod pkce;
mod redirects;
mod registration;
mod sign_in;
mod states;
mod tokens;
