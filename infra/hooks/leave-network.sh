#!/bin/sh
# Runs before azd deletes the resources: disconnects the apps from their virtual networks. If an app is deleted while connected, its
# subnet stays in use for a while, and can be neither deleted nor used by another plan.
set -eu

if [ -z "${AZURE_RESOURCE_GROUP:-}" ] || [ -z "${AZURE_FUNCTION_NAME:-}" ] || [ -z "${AZURE_SUBSCRIPTION_ID:-}" ]; then
    echo 'nothing was deployed from this environment: no app to disconnect'
    exit 0
fi
for name in "$AZURE_FUNCTION_NAME" ${AZURE_SECOND_FUNCTION_NAME:-}; do
    app() {
        command=$1
        shift
        az functionapp $command --resource-group "$AZURE_RESOURCE_GROUP" --name "$name" --subscription "$AZURE_SUBSCRIPTION_ID" "$@"
    }
    if connections=$(app 'vnet-integration list' --query 'length(@)' --output tsv) && [ "$connections" = 0 ]; then
        continue
    fi
    if ! app 'vnet-integration remove'; then
        echo "The app $name is still connected to its network, or does not exist. If it exists, disconnect it and run azd down again;" >&2
        echo 'if not, its subnet may stay in use for a while: if deleting it fails, wait, and run azd down again.' >&2
    fi
done
