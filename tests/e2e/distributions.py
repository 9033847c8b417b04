"""Bootstrap data of kubeadm's, RKE2's and K3s's nodes, with stand-ins for what they call: programs that record their
calls in /var/log/calls.log, make a node of the host, and undo of it what the real ones undo."""

from __future__ import annotations

import sys
from typing import Any

from tests.e2e.support import cloud_config

NODE = r"""#!/bin/sh
# node.sh UNIT [RUNTIME]: what makes a node: a service, containers, mounts, a network.
mkdir -p /var/lib/kubelet/pods/1/volume /etc/cni/net.d /var/lib/cni/networks
mount -t tmpfs none /var/lib/kubelet/pods/1/volume
touch /var/lib/kubelet/config.yaml /etc/cni/net.d/10-cni.conflist /var/lib/cni/networks/192.0.2.2
if [ ! -e "/usr/lib/systemd/system/$1.service" ]; then
    cat >"/etc/systemd/system/$1.service" <<END
[Service]
ExecStart=/usr/local/bin/$1
Restart=always
[Install]
WantedBy=multi-user.target
END
fi
systemctl daemon-reload
systemctl enable --now "$1"
ip link add cni0 type bridge
iptables -t nat -N KUBE-SERVICES
iptables -t nat -A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
"""

KUBELET = r"""#!/bin/sh
# A node's service with one container, which outlives it.
if ! pgrep -f 'runc-v2 -namespace' >/dev/null; then
    setsid /usr/local/bin/containerd-shim-runc-v2 -namespace k8s.io -id 1 </dev/null >/dev/null 2>&1 &
fi
while :; do sleep 1; done
"""

SHIM = "#!/bin/sh\nsleep 600\n:\n"

KUBEADM = r"""#!/bin/sh
echo "kubeadm $*" >>/var/log/calls.log
case "$*" in
init* | join*)
    mkdir -p /etc/kubernetes/manifests /etc/kubernetes/pki
    touch /etc/kubernetes/kubelet.conf
    case "$*" in
    *init* | *--control-plane*)
        mkdir -p /var/lib/etcd/member
        touch /var/lib/etcd/member/wal /etc/kubernetes/admin.conf
        printf '  - command:\n    - etcd\n    - --name=this\n' >/etc/kubernetes/manifests/etcd.yaml
        ;;
    esac
    sh /opt/node.sh kubelet
    ;;
"reset --force"*)
    # As the real one: it leaves the network, and says so.
    if [ -e /etc/kubeadm-standin/broken ]; then echo "broken" >&2; exit 1; fi
    systemctl stop kubelet
    pkill -f 'runc-v2 -namespace'
    umount /var/lib/kubelet/pods/1/volume
    rm -rf /var/lib/kubelet/* /etc/kubernetes/manifests/* /etc/kubernetes/pki/* /etc/kubernetes/*.conf /var/lib/etcd/*
    ;;
esac
exit 0
"""

ETCDCTL = r"""#!/bin/sh
# Members stand in a file, one a line. One that leaves is refused, or nobody answers, where a file says so.
for word in "$@"; do case $word in -*) ;; *) words="$words $word" ;; esac done
echo "etcdctl$words" >>/var/log/calls.log
members=/etc/kubeadm-standin/members
case $words in
*list*) cat $members 2>/dev/null || echo "8e9e05c52164694d, started, this, https://a:2380, https://a:2379, false" ;;
*remove*)
    if [ -e /etc/kubeadm-standin/says ]; then cat /etc/kubeadm-standin/says >&2; exit 1; fi
    sed -i "/^${words##* },/d" $members
    ;;
esac
"""

RANCHER = r"""#!/bin/sh
# NAME server|agent: K3s and RKE2 alike.
name=$(basename "$0")
echo "$name $*" >>/var/log/calls.log
mkdir -p "/etc/rancher/$name" "/var/lib/rancher/$name/$1" /run/k3s/containerd/1/rootfs
mkdir -p "/var/lib/rancher/$name/data/v1/bin"
touch "/etc/rancher/$name/$name.yaml" "/var/lib/rancher/$name/$1/token"
cp /bin/sleep "/var/lib/rancher/$name/data/v1/bin/containerd"
setsid "/var/lib/rancher/$name/data/v1/bin/containerd" 600 </dev/null >/dev/null 2>&1 &
mount -t tmpfs none /run/k3s/containerd/1/rootfs
"""

UNINSTALL = r"""#!/bin/sh
# As the real ones: services, processes, mounts and files; some of the network is left.
name=$(basename "$0" | cut -d- -f1)
echo "$(basename "$0") $*" >>/var/log/calls.log
[ ! -e /etc/rancher-standin/broken ] || { echo "broken" >&2; exit 1; }
for unit in NAME-server NAME-agent NAME; do
    unit=$(echo "$unit" | sed "s/NAME/$name/")
    systemctl disable --now "$unit" 2>/dev/null
    rm -f "/etc/systemd/system/$unit.service"
done
systemctl daemon-reload
pkill -x containerd
pkill -f 'runc-v2 -namespace'
umount /run/k3s/containerd/1/rootfs /var/lib/kubelet/pods/1/volume
rm -rf "/etc/rancher/$name" "/var/lib/rancher/$name" /var/lib/kubelet /run/k3s "/usr/local/bin/$name"
ip link delete cni0
"""


def _program(path: str, content: str) -> dict[str, Any]:
    return {"path": path, "permissions": "0755", "content": content}


def _with_node(*more: dict[str, Any], unit: str) -> list[dict[str, Any]]:
    return [
        _program("/opt/node.sh", NODE),
        _program(f"/usr/local/bin/{unit}", KUBELET),
        _program("/usr/local/bin/containerd-shim-runc-v2", SHIM),
        *more,
    ]


def kubeadm(*, control_plane: bool = False) -> bytes:
    """As Cluster API's kubeadm provider has it: `kubeadm init` or `join`."""
    files = _with_node(
        _program("/usr/local/bin/kubeadm", KUBEADM), _program("/usr/local/bin/etcdctl", ETCDCTL), unit="kubelet"
    )
    command = "init" if control_plane else "join"
    return cloud_config(files, [f"kubeadm {command} --config /run/kubeadm/kubeadm.yaml"])


def rancher(name: str) -> bytes:
    """As the providers of K3s and RKE2 have it. name: k3s or rke2."""
    unit = {"k3s": "k3s-agent", "rke2": "rke2-agent"}[name]
    script = {"k3s": "k3s-agent-uninstall.sh", "rke2": "rke2-uninstall.sh"}[name]
    files = _with_node(
        _program(f"/usr/local/bin/{name}", RANCHER), _program(f"/usr/local/bin/{script}", UNINSTALL), unit=unit
    )
    return cloud_config(files, [f"{name} agent", f"sh /opt/node.sh {unit}"])


def k0s() -> bytes:
    """A worker of k0s, whose stand-in is on the hosts."""
    return cloud_config([], ["k0s install worker --token-file /etc/none", "k0s start"])


NODES = {
    "kubeadm": kubeadm(),
    "kubeadm-control-plane": kubeadm(control_plane=True),
    "rke2": rancher("rke2"),
    "k3s": rancher("k3s"),
}

if __name__ == "__main__":
    sys.stdout.buffer.write(NODES[sys.argv[1]])
