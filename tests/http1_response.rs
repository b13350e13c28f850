//! http1_response
