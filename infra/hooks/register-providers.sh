#!/bin/sh
# Runs before azd creates the resources: registers the resource providers that they need. A new subscription lacks some, and a deployment
# then fails with an internal error that does not name the cause (above all for Microsoft.App). Registering requires a permission on the
# subscription, unless all are registered already.
set -eu

if ! command -v az >/dev/null 2>&1; then
    echo 'The Azure CLI (az) is not installed, and is needed to register resource providers: install it, and run az login.' >&2
    exit 1
fi
if [ -z "${AZURE_SUBSCRIPTION_ID:-}" ]; then
    echo 'AZURE_SUBSCRIPTION_ID is not set, so the subscription is unknown. Run: azd env set AZURE_SUBSCRIPTION_ID <subscription>' >&2
    exit 1
fi

failed=''
for provider in App Authorization DocumentDB Insights KeyVault ManagedIdentity Network OperationalInsights Storage Web; do
    namespace=Microsoft.$provider
    state=$(az provider show --namespace "$namespace" --subscription "$AZURE_SUBSCRIPTION_ID" --query registrationState --output tsv) || {
        echo "az cannot see the subscription $AZURE_SUBSCRIPTION_ID. Run: az login" >&2
        exit 1
    }
    [ "$state" = Registered ] && continue
    echo "registering $namespace"
    az provider register --namespace "$namespace" --subscription "$AZURE_SUBSCRIPTION_ID" --wait || failed="$failed $namespace"
done
if [ -n "$failed" ]; then
    echo "Not registered:$failed. Someone with the permission to register providers in $AZURE_SUBSCRIPTION_ID must do so first." >&2
    exit 1
fi
