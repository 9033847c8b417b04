# Everything a person or CI does with the checkout. `make help` lists it.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help venv system demo test unit fuzz component e2e molecule test-assets elsewhere check docs mutants nightly format bench screenshots release release-manifests collection collection-checks clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/.ready ## Make the virtual environment with the locked versions

$(VENV)/.ready: pyproject.toml constraints.txt scripts/venv.sh
	scripts/venv.sh '$(PYTHON)' '$(VENV)'
	touch $@

system: ## Install the Debian packages that Capra's own runs need (ssh); tells what is missing without root
	scripts/system.sh

demo: system venv ## Bootstrap, show and clean a throw-away host; needs nothing beforehand
	python scripts/demo.py

test-assets: venv ## Build what the tests need once, into the cache: test hosts, Kubernetes' API server, Cluster API
	scripts/system.sh test
	scripts/assets.sh

test: test-assets check ## Set everything up, then run all checks and all tests
	scripts/test.sh

unit: venv ## Run the unit tests alone
	pytest tests/unit --numprocesses=2

fuzz: venv ## Read 2000 generated bootstrap documents, and hostile ones of a megabyte
	pytest tests/fuzz --numprocesses=2 --dist=loadfile

component: test-assets ## Run the tests with a real API server, and those of the host's programs
	pytest tests/component --numprocesses=5 --dist=loadgroup

e2e: test-assets ## Run the tests on real hosts, as root
	pytest tests/e2e tests/hosts --numprocesses=5 --dist=loadgroup

molecule: test-assets ## Run the roles' scenarios, as root
	scripts/molecule.sh

elsewhere: test-assets ## Try the checkout in two other places: below /tmp with a blank in its path, and in a closed home
	scripts/elsewhere.sh

check: venv ## Lint, types, layers, playbooks, shell: warnings are errors
	scripts/check.sh

docs: venv ## Build the documentation as a site, below out/site
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

mutants: venv ## Look what the tests would not notice: mutations by hand, and cosmic-ray's; hours, and no part of CI
	scripts/mutants.sh

nightly: test-assets collection-checks ## What is too long for CI: slow tests on hosts, 100 000 generated bootstrap documents, 300 compared with cloud-init; two hours
	pytest tests/e2e tests/hosts tests/component -m nightly --numprocesses=5 --dist=loadgroup
	CAPRA_STEADY_STATE_SECONDS=300 pytest tests/component/controller/test_steady_state.py
	CAPRA_FUZZ_EXAMPLES=100000 pytest tests/fuzz --numprocesses=2 --dist=loadfile
	CAPRA_CLOUD_INIT_EXAMPLES=300 pytest tests/e2e/test_like_cloud_init.py

format: venv ## Put the Python files into their form
	ruff format . && ruff check --fix .

bench: test-assets ## Measure Capra against plain Ansible and plain ssh, on one host, on a fleet, at a thousand; takes a while
	bench/oneshot
	bench/fleet --dead 10
	bench/scale

screenshots: venv ## Make the pictures of docs/images anew; needs chromium
	python scripts/screenshots.py

release: venv ## Build all that a release consists of, below out/release, as root: VERSION=v0.2.0 [IMAGE=...]; minutes
	python -m scripts.release --version '$(VERSION)' $(if $(IMAGE),--image '$(IMAGE)') $(if $(BUILDER),--builder '$(BUILDER)')

release-manifests: venv ## Compose what clusterctl, kubectl and Helm install, below out/release; IMAGE=... names the image
	python scripts/release_manifests.py $(if $(IMAGE),--image $(IMAGE))

collection-checks: venv ## What ansible-test and Galaxy's importer say of the collection; downloads linters once, minutes
	scripts/sanity.sh
	scripts/importer.sh

collection: venv ## Build the Ansible collection with the parser in it, below out/
	python scripts/collection.py

clean: ## Remove what make has made here; the cache below $XDG_CACHE_HOME stays
	rm -rf $(VENV) build dist out .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .ansible
