//! One node of a cluster has all keys of a namespace, whichever node was named.

use bellwether::aggregate::Id;
use bellwether::fleet::{Claim, Fleet, FleetOptions};

use crate::support::{END, Server, free_port, is_installed, pane, rule, wait_until};

fn node() -> Server {
    let bus = free_port().to_string();
    Server::start_on(
        free_port(),
        &["--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-port", &bus],
    )
}

fn cluster(server: &Server, words: &[&str]) -> redis::RedisResult<redis::Value> {
    server.ask(redis::cmd("CLUSTER").arg(words).to_owned())
}

#[test]
fn a_node_that_does_not_have_the_keys_leads_to_the_one_that_has() {
    if !is_installed() {
        return;
    }
    let (first, second) = (node(), node());
    cluster(&first, &["ADDSLOTSRANGE", "0", "8191"]).unwrap();
    cluster(&second, &["ADDSLOTSRANGE", "8192", "16383"]).unwrap();
    let bus: String = {
        let answer = second.ask(redis::cmd("CONFIG").arg("GET").arg("cluster-port").to_owned()).unwrap();
        let pair: Vec<String> = redis::from_redis_value(answer).unwrap();
        pair[1].clone()
    };
    cluster(&first, &["MEET", "127.0.0.1", &second.port.to_string(), &bus]).unwrap();
    wait_until("the cluster is whole", || {
        [&first, &second].iter().all(|server| {
            let info: String = redis::from_redis_value(cluster(server, &["INFO"]).unwrap()).unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        })
    });
    let (rule, mut moved) = (rule(), 0);
    for namespace in ["a", "b", "c", "d", "e", "f"] {
        let url = format!("redis://127.0.0.1:{}", first.port);
        let options = FleetOptions { url, namespace: namespace.into(), ..first.options("a") };
        let mut fleet = Fleet::new(options).unwrap();
        assert!(fleet.merge(&rule, &pane(END, [(Id::Integer(1), 5)]), 1).unwrap().is_new);
        assert_eq!(fleet.claim(&rule, END).unwrap(), Claim::Yours { state: None });
        assert_eq!(fleet.panes(&rule, END).unwrap()[0].counts.total(), 5);
        moved += u32::from(fleet.server().ends_with(&second.port.to_string()));
    }
    assert!(moved > 0 && moved < 6, "{moved}");
}
