//! http1_request
