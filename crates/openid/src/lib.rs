//! openid
