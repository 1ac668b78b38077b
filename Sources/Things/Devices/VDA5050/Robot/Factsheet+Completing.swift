extension VDA5050.Factsheet {
    /// With what this program knows: its limits, its timing, its actions.
    func completed(
        _ abilities: VDA5050.Abilities, _ version: VDA5050.Version, _ pace: VDA5050.VehicleLink.Pace
    ) -> VDA5050.Factsheet {
        typealias Machine = VDA5050.OrderMachine
        var sheet = self
        sheet.limits.strings.message = UInt32(WireFormat.payloadLimit)
        sheet.limits.strings.identifier = UInt32(Machine.nameLimit)
        sheet.limits.arrays.lengths["order.nodes"] = UInt32(Machine.nodeLimit)
        sheet.limits.arrays.lengths["order.edges"] = UInt32(Machine.nodeLimit - 1)
        sheet.limits.arrays.lengths["node.actions"] = UInt32(Machine.actionLimit)
        sheet.limits.arrays.lengths["edge.actions"] = UInt32(Machine.actionLimit)
        sheet.limits.arrays.lengths["state.actionStates"] = UInt32(Machine.orderActionLimit)
        sheet.limits.arrays.lengths["state.errors"] = UInt32(VDA5050.MachineMemory.faultLimit)
        if version == .three {
            let limit = UInt32(VDA5050.MachineMemory.instantActionLimit)
            sheet.limits.arrays.lengths["state.instantActionStates"] = limit
            sheet.physical.minimumHeight = sheet.physical.minimumHeight ?? sheet.physical.maximumHeight
        }
        sheet.limits.timing.minimumStateInterval = Self.seconds(pace.minimum)
        sheet.limits.timing.defaultStateInterval = Self.seconds(pace.heartbeat)
        var instant = Machine.ownInstantActions
        if version == .three { instant.append("clearInstantActions") }
        let known = instant.map { VDA5050.ActionAbility($0, scopes: [.instant], blockingTypes: [.none]) }
        sheet.features.actions = (known + abilities.actions).map { Self.fact($0, version) }
        sheet.features.optionalParameters = VDA5050.OptionalField.allCases.filter(abilities.fields.contains)
            .map { field in
                var parameter = VDA5050.OptionalParameter()
                parameter.parameter = "order.\(field.rawValue)"
                return parameter
            }
        if abilities.needsPosition {
            var parameter = VDA5050.OptionalParameter()
            parameter.parameter = "order.nodes.nodePosition"
            parameter.support = .required
            sheet.features.optionalParameters.append(parameter)
        }
        return sheet
    }

    private static func fact(
        _ ability: VDA5050.ActionAbility, _ version: VDA5050.Version
    ) -> VDA5050.ActionFact {
        var fact = VDA5050.ActionFact()
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
