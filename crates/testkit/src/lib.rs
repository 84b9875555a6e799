//! sonovox-testkit
