#!/bin/sh
# Runs before azd deletes the resources: disconnects the app from the virtual network. If an app is deleted while connected, its subnet
# stays in use for a while, and can be neither deleted nor used by another plan.
set -eu

if [ -z "${AZURE_RESOURCE_GROUP:-}" ] || [ -z "${AZURE_FUNCTION_NAME:-}" ] || [ -z "${AZURE_SUBSCRIPTION_ID:-}" ]; then
    echo 'nothing was deployed from this environment: no app to disconnect'
    exit 0
fi
app() {
    command=$1
    shift
    az functionapp $command --resource-group "$AZURE_RESOURCE_GROUP" --name "$AZURE_FUNCTION_NAME" --subscription "$AZURE_SUBSCRIPTION_ID" "$@"
}
if connections=$(app 'vnet-integration list' --query 'length(@)' --output tsv) && [ "$connections" = 0 ]; then
    exit 0
fi
if ! app 'vnet-integration remove'; then
    echo "The app $AZURE_FUNCTION_NAME is still connected to its network, or does not exist. If it exists, disconnect it and run azd down again;" >&2
    echo 'if not, its subnet may stay in use for a while: if deleting it fails, wait, and run azd down again.' >&2
fi
