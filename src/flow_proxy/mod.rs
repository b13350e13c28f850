//! Stands in for Docker Flow Proxy: takes its calls, on a listener of its own, and turns services into routes.
//!
//! Routes and upstreams made here are those that the admin API could have made: the same tables, checked by the same
//! reader, kept in the same place. What they do with requests is no matter of this folder.

use std::sync::Arc;

use crate::admin;

mod answer;
mod calls;
mod environment;
mod header;
mod known;
mod parameters;
mod path;
mod plan;
mod reader;
mod service;
mod services;
mod sync;
mod translate;
mod understand;
mod users;

pub use calls::{State, answer};
pub use parameters::{Fate, Parameter, all as parameters};

use plan::Origin;
use services::{Roll, Services};
use sync::Sync;
use understand::understand;

impl State {
    /// For the listener; `listeners` are URLs of swarm listeners.
    pub fn new(admin: Arc<admin::State>, listeners: Vec<String>) -> Self {
        let services = Arc::new(Services::new(Arc::clone(&admin.live), admin.reload.clone()));
        let sync = Arc::new(Sync::new(
            Arc::clone(&admin.live),
            Arc::clone(&services),
            listeners,
        ));
        Self {
            admin,
            services,
            sync,
        }
    }

    /// Learns of the services in the environment, and then of those that swarm listeners know; ends when all of these
    /// have answered. What cannot be understood is logged.
    pub async fn learn(&self, variables: &[(String, String)]) {
        self.read_environment(variables).await;
        self.sync.learn().await;
    }

    /// Forgets services that swarm listeners do not name any more. Never ends.
    pub async fn keep(&self) {
        self.sync.keep().await;
    }

    async fn read_environment(&self, variables: &[(String, String)]) {
        let (services, problems) = environment::services(variables);
        for problem in problems {
            tracing::error!(%problem, "an environment variable is not understood");
        }
        let mut understood = Vec::new();
        for pairs in services.into_values() {
            match understand(pairs, &self.services.settings()) {
                Ok(service) => understood.push(service),
                Err(error) => tracing::error!(%error, "a service in the environment is not understood"),
            }
        }
        let known = self.services.known();
        let roll = Roll {
            services: &understood,
            kept: &[],
            before: &known.added,
        };
        match self.services.replace(&roll, Origin::Environment).await {
            Ok(failed) => {
                for (service, error) in failed {
                    tracing::error!(service, %error, "a service in the environment was not taken");
                }
            }
            Err(error) => tracing::error!(%error, "the services in the environment were not taken"),
        }
    }
}

#[cfg(test)]
mod tests;
