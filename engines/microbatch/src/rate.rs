//! How fast records come in, and who decides it.
//!
//! ```text
//! settings ──> RateLimiter <── RateController <── RateEstimator (PID) <── completed batches
//! ```

mod allocation;
mod bucket;
mod controller;
mod limiter;
mod pid;

pub use allocation::{Scaling, ScalingPolicy};
pub use bucket::TokenBucket;
pub use controller::{BatchRate, RateController};
pub use limiter::RateLimiter;
pub use pid::{PidRateEstimator, RateEstimator, rate_estimator};
