//! sonovox-metrics
