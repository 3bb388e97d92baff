//! One worker's pools, one for each cluster in force.

use super::upstream::{Cluster, Pool};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// One worker's pools by cluster.
#[derive(Default)]
pub(super) struct Pools(RefCell<HashMap<String, Rc<Pool>>>);

impl Pools {
    /// The pool of a cluster; `None` if there is no such cluster.
    pub(super) fn get(&self, cluster: &str) -> Option<Rc<Pool>> {
        self.0.borrow().get(cluster).cloned()
    }

    /// Takes over new clusters. Those that stay keep their connections; the others' go when their last request has ended.
    pub(super) fn replace(&self, clusters: &BTreeMap<String, Arc<Cluster>>) {
        let mut pools = self.0.borrow_mut();
        let pool = |(name, cluster): (&String, &Arc<Cluster>)| {
            let kept = pools.get(name).filter(|pool| Arc::ptr_eq(pool.cluster(), cluster)).cloned();
            (name.clone(), kept.unwrap_or_else(|| Pool::new(Arc::clone(cluster))))
        };
        *pools = clusters.iter().map(pool).collect();
    }

    /// Closes connections that have been idle for too long.
    pub(super) fn sweep(&self) {
        self.0.borrow().values().for_each(|pool| pool.sweep());
    }
}
