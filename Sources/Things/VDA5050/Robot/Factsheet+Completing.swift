internal import Messaging

extension Factsheet {
    /// With what this program knows: its limits, its timing, its actions.
    func completed(
        _ abilities: Abilities, _ version: Version, _ pace: VehicleLink.Pace
    ) -> Factsheet {
        var sheet = self
        sheet.limits.strings.message = UInt32(Inbox.payloadLimit)
        sheet.limits.strings.identifier = UInt32(OrderMachine.nameLimit)
        sheet.limits.arrays.lengths["order.nodes"] = UInt32(OrderMachine.nodeLimit)
        sheet.limits.arrays.lengths["order.edges"] = UInt32(OrderMachine.nodeLimit - 1)
        sheet.limits.arrays.lengths["node.actions"] = UInt32(OrderMachine.actionLimit)
        sheet.limits.arrays.lengths["edge.actions"] = UInt32(OrderMachine.actionLimit)
        sheet.limits.arrays.lengths["state.actionStates"] = UInt32(OrderMachine.orderActionLimit)
        sheet.limits.arrays.lengths["state.errors"] = UInt32(MachineMemory.faultLimit)
        if version == .three {
            let limit = UInt32(MachineMemory.instantActionLimit)
            sheet.limits.arrays.lengths["state.instantActionStates"] = limit
            sheet.physical.minimumHeight = sheet.physical.minimumHeight ?? sheet.physical.maximumHeight
        }
        sheet.limits.timing.minimumStateInterval = Self.seconds(pace.minimum)
        sheet.limits.timing.defaultStateInterval = Self.seconds(pace.heartbeat)
        var instant = OrderMachine.ownInstantActions
        if version == .three { instant.append("clearInstantActions") }
        let known = instant.map { ActionAbility($0, scopes: [.instant], blockingTypes: [.none]) }
        sheet.features.actions = (known + abilities.actions).map { Self.fact($0, version) }
        sheet.features.optionalParameters = OptionalField.allCases.filter(abilities.fields.contains)
            .map { field in
                var parameter = OptionalParameter()
                parameter.parameter = "order.\(field.rawValue)"
                return parameter
            }
        if abilities.needsPosition {
            var parameter = OptionalParameter()
            parameter.parameter = "order.nodes.nodePosition"
            parameter.support = .required
            sheet.features.optionalParameters.append(parameter)
        }
        return sheet
    }

    private static func fact(
        _ ability: ActionAbility, _ version: Version
    ) -> ActionFact {
        var fact = ActionFact()
        fact.actionType = ability.type
        fact.scopes = ability.scopes.filter { $0.word(version.dialect) != nil }
        fact.blockingTypes = ability.blockingTypes.filter { $0.word(version.dialect) != nil }
        if version == .three {
            fact.pauseAllowed = ability.pauseAllowed
            fact.cancelAllowed = ability.cancelAllowed
        }
        return fact
    }

    private static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
