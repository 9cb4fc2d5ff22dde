#!/bin/sh
# Runs before azd deletes the resources: disconnects the app from the virtual network. A subnet that an app was deleted in stays in use
# for a while, and can be neither deleted nor given to another plan.
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
    echo "The app $AZURE_FUNCTION_NAME is still connected to its network, or is gone. If it is there, disconnect it and run azd down again;" >&2
    echo 'if it is gone already, its subnet may be in use for a while: wait, and run azd down again when deleting it fails.' >&2
fi
