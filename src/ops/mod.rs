//! The use cases: check, plan, apply, drift, explain, restore. Each takes what it needs and gives a report; none prints.

mod against;
mod apply;
mod claims;
mod compile;
mod complete;
mod connect;
mod drift;
mod explain;
mod failure;
mod only;
mod plan;
mod refresh;
mod restore;
mod saved;
mod validate;

pub use against::{AgainstRequest, Base, against, name_operands};
pub use apply::{Applied, Verified, apply, recover};
pub use compile::{Compiled, compile};
pub use connect::Connection;
pub use drift::{Drifted, drift};
pub use explain::{Explanation, ParameterRow, explain};
pub use failure::{Exit, Failure};
pub use only::{Addresses, matches_something};
pub use plan::{PlanRequest, Planned, plan, plan_from};
pub use refresh::{Refreshed, refresh, stored};
pub use restore::{removed, restore};
pub use saved::{Fresh, check_saved, is_for_datadog};
